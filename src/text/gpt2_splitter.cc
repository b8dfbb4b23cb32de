#include "text/scan.h"
#include "text/splitter.h"

namespace stemma {
namespace {

using namespace scan;

struct Gpt2Pattern {
  static constexpr std::string_view kRegex =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

  static std::size_t run_of(std::string_view text, std::size_t place, CharClass kind) {
    if (kLetters.has(kind)) return letters_end<Case::any>(text, place, kLetters);
    return run_end(text, place, kind == CharClass::number ? ClassSet{kind} : kSigns);
  }

  // "'r" is two pieces, "'re" is one; every other choice is made by the character that follows.
  static std::size_t piece_end(std::string_view text, std::size_t begin) {
    if (const std::size_t length = contraction_length<false>(text, begin)) return begin + length;
    const Character first = character_at(text, begin);
    if (first.length == 0) return begin + 1;
    if (first.kind != CharClass::space) return run_of(text, begin + first.length, first.kind);
    if (text[begin] == ' ') {
      const Character second = character_at(text, begin + 1);
      if (second.length > 0 && second.kind != CharClass::space)
        return run_of(text, begin + 1 + second.length, second.kind);
    }
    return white_space_piece_end(text, begin, white_space_at(text, begin));
  }
};

}  // namespace

const Splitter& gpt2_splitter() {
  static const PatternSplitter<Gpt2Pattern> splitter;
  return splitter;
}

}  // namespace stemma
