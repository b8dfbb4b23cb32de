// Ends a text before the first of some strings, and holds back what may still become one.
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
