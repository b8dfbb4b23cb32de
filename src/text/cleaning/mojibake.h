// Repairs mojibake: text in UTF-8 that was decoded with another charset, once or several times.
// Private to text/.
//
//   std::u32string line = U"lâ€™été";
//   Effort effort(line.size());
//   fix_encoding(line, effort);           // U"l’été": it had been decoded as Windows-1252
//
// A text is repaired when it looks wrong (badness.h) and encodes, in one of ten charsets, to valid
// UTF-8 (mojibake_bytes.h). This is repeated until nothing changes. Pure functions: any thread.
// Source: ftfy 6.3.1, fix_encoding().
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

namespace stemma::cleaning {

// A budget for the repairs of one segment, in characters looked at. Each repair can make another
// one possible, as often as the segment has characters, so without a budget a crafted text would
// take quadratic time. In lines of some hundred characters even such texts stay within it.
class Effort {
 public:
  explicit Effort(std::size_t characters) : left_(64 * characters + (std::size_t{1} << 18)) {}

  // Call it before each pass over this many characters. Returns whether the pass is allowed.
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
