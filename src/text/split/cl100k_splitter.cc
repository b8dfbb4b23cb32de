#include "text/split/scan.h"
#include "text/split/splitter.h"

namespace stemma::split {
namespace {

using namespace scan;

template <int kMostNumbers>
struct Cl100kPattern {
  static std::string regex() {
    return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" +
           numbers_pattern(kMostNumbers) + R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  }

  // [^\s\p{L}\p{N}]+[\r\n]* from inside the run.
  static std::size_t signs_end(std::string_view text, std::size_t place) {
    place = run_end(text, place, kSigns);
    while (place < text.size() && ends_line(text[place])) ++place;
    return place;
  }

  static std::size_t piece_end(std::string_view text, std::size_t begin) {
    const Character first = character_at(text, begin);
    if (first.length == 0) return begin + 1;
    const std::size_t next = begin + first.length;
    if (unicode::kLetters.has(first.kind))
      return letters_end<Case::any>(text, next, unicode::kLetters);
    if (first.kind == unicode::CharClass::number) return numbers_end(text, begin, kMostNumbers);
    if (const std::size_t length = contraction_length<true>(text, begin)) return begin + length;
    const Character second = character_at(text, next);
    if (second.in(unicode::kLetters) && !ends_line(text[begin]))
      return letters_end<Case::any>(text, next + second.length, unicode::kLetters);
    if (first.kind != unicode::CharClass::space) return signs_end(text, next);
    if (text[begin] == ' ' && second.in(kSigns)) return signs_end(text, next + second.length);
    return lines_or_white_space_end(text, begin);
  }
};

}  // namespace

const Splitter& cl100k_splitter() { return cl100k_splitter(NumberCut::published); }

const Splitter& cl100k_splitter(NumberCut cut) {
  static const PatternSplitter<Cl100kPattern<3>> published;
  static const PatternSplitter<Cl100kPattern<1>> single;
  if (cut == NumberCut::single) return single;
  return published;
}

}  // namespace stemma::split
