// Undoing of mojibake: UTF-8 that was read in another charset, once or more often. Private to
// text/.
//
//   std::u32string line = U"lâ€™été";
//   Effort effort(line.size());
//   fix_encoding(line, effort);           // U"l’été"
//
// Pure functions: any thread. Source: ftfy 6.3.1, fix_encoding().
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

namespace stemma::cleaning {

// Bounds what the repairs of one segment may cost, so that time is linear in the text: one repair
// may make the next one possible as often as the segment has characters. Chains as long as that are
// made on purpose; in lines of some hundred characters even they stay below the bound.
class Effort {
 public:
  explicit Effort(std::size_t characters) : left_(64 * characters + (std::size_t{1} << 18)) {}

  // Before each pass over so many characters: whether there may be one more.
  bool spend(std::size_t characters) {
    const std::size_t cost = std::min(left_, characters + 1);
    left_ -= cost;
    return left_ > 0;
  }

 private:
  std::size_t left_;
};

void fix_encoding(std::u32string& text, Effort& effort);

}  // namespace stemma::cleaning
