#include "text/split/scan.h"
#include "text/split/splitter.h"

namespace stemma::split {
namespace {

using namespace scan;

// kMostNumbers: in a piece, without a space before them; 0: any number of them, and the space.
// kNumbersFirst: the text is cut at numbers before anything else, so that white space before one
// is at the end of its text.
template <int kMostNumbers, bool kNumbersFirst = false>
struct Gpt2Pattern {
  static std::string regex() {
    return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|)" +
           (kMostNumbers == 0 ? R"( ?\p{N}+)" : numbers_pattern(kMostNumbers)) +
           (kNumbersFirst ? R"(| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+)"
                          : R"(| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
  }

  static std::size_t run_of(std::string_view text, std::size_t place, unicode::CharClass kind) {
    if (unicode::kLetters.has(kind)) return letters_end<Case::any>(text, place, unicode::kLetters);
    return run_end(text, place,
                   kind == unicode::CharClass::number ? unicode::ClassSet{kind} : kSigns);
  }

  // "'r" is two pieces, "'re" is one; every other choice is made by the character that follows.
  static std::size_t piece_end(std::string_view text, std::size_t begin) {
    if (const std::size_t length = contraction_length<false>(text, begin)) return begin + length;
    const Character first = character_at(text, begin);
    if (first.length == 0) return begin + 1;
    if (kMostNumbers > 0 && first.kind == unicode::CharClass::number)
      return numbers_end(text, begin, kMostNumbers);
    if (first.kind != unicode::CharClass::space)
      return run_of(text, begin + first.length, first.kind);
    if (text[begin] == ' ') {
      const Character second = character_at(text, begin + 1);
      const bool joins = second.kind != unicode::CharClass::space &&
                         (kMostNumbers == 0 || second.kind != unicode::CharClass::number);
      if (second.length > 0 && joins) return run_of(text, begin + 1 + second.length, second.kind);
    }
    const WhiteSpace run = white_space_at(text, begin);
    if (kNumbersFirst && character_at(text, run.end).in({unicode::CharClass::number}))
      return run.end;
    return white_space_piece_end(text, begin, run);
  }
};

}  // namespace

const Splitter& gpt2_splitter() { return gpt2_splitter(NumberCut::published); }

const Splitter& gpt2_splitter(NumberCut cut) {
  static const PatternSplitter<Gpt2Pattern<0>> published;
  static const PatternSplitter<Gpt2Pattern<1>> single;
  static const PatternSplitter<Gpt2Pattern<3>> triple;
  if (cut == NumberCut::single) return single;
  if (cut == NumberCut::triple) return triple;
  return published;
}

const Splitter& smollm_splitter() {
  static const PatternSplitter<Gpt2Pattern<1, true>> smollm;
  return smollm;
}

}  // namespace stemma::split
