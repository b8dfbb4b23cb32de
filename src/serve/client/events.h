// Server-sent events out of pieces of any size (the HTML standard, "Server-sent events"): lines
// that end in LF or CR LF, an empty one behind each event, comments left out.
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
    for (const char c : bytes) {
      if (c != '\n') {
        line_ += c;
        continue;
      }
      if (line_.ends_with('\r')) line_.pop_back();
      if (line_.empty() && has_data_) {
        use(data_);
        data_.clear();
        has_data_ = false;
      }
      take_line();
    }
  }

 private:
  void take_line() {
    constexpr std::string_view kData = "data:";
    if (line_.starts_with(kData)) {
      if (has_data_) data_ += '\n';
      has_data_ = true;
      const bool blank = line_.size() > kData.size() && line_[kData.size()] == ' ';
      data_ += std::string_view(line_).substr(kData.size() + (blank ? 1 : 0));
    }
    line_.clear();
  }

  std::string line_, data_;
  bool has_data_ = false;
};

}  // namespace stemma::serve
