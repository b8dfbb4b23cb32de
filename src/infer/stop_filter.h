// Ends a generated text before the first of some strings. Text that may still become one of them is
// held back, so that a reader of the stream never sees a part of it.
//
//   StopFilter filter({"\nUser:"});
//   print(filter.push(piece));  // what is certain to stay; nothing more after stopped()
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stemma::infer {

class StopFilter {
 public:
  // Empty strings are ignored.
  explicit StopFilter(std::vector<std::string> stops);

  // Text that is certain to stand before any stop string; nothing more after stopped().
  std::string push(std::string_view text);
  // What was held back, when no more text comes.
  std::string flush();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace stemma::infer
