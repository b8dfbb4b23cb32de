// Server-sent events out of pieces of any size.
//
//   Events events;
//   events.push(bytes, [](const std::string& data) { ... });   // "[DONE]" among them
#pragma once

#include <string>
#include <string_view>

namespace stemma::serve {

class Events {
 public:
  template <class Use>
  void push(std::string_view bytes, const Use& use) {
    text_ += bytes;
    for (std::size_t end; (end = text_.find("\n\n")) != std::string::npos; text_.erase(0, end + 2))
      if (text_.starts_with("data: ")) use(text_.substr(6, end - 6));
  }

 private:
  std::string text_;
};

}  // namespace stemma::serve
