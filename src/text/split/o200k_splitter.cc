#include "text/split/scan.h"
#include "text/split/splitter.h"

namespace stemma::split {
namespace {

using namespace scan;

// The two halves of a word: [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and [\p{Ll}\p{Lm}\p{Lo}\p{M}].
constexpr unicode::ClassSet kHeads = {unicode::CharClass::upper, unicode::CharClass::letter,
                                      unicode::CharClass::mark};
constexpr unicode::ClassSet kTails = {unicode::CharClass::lower, unicode::CharClass::letter,
                                      unicode::CharClass::mark};
constexpr unicode::ClassSet kBoth = {unicode::CharClass::letter, unicode::CharClass::mark};

template <int kMostNumbers>
struct O200kPattern {
  static std::string regex() {
    return R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
           R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
           R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
           R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|)" +
           numbers_pattern(kMostNumbers) +
           R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  }

  struct Word {
    std::size_t heads_end = 0;  // of [heads]*
    std::size_t tails_end = 0;  // of [heads]*[tails]+, 0 where that does not match
  };

  static Word word_at(std::string_view text, std::size_t begin) {
    // The last character of the heads that is a tail too: without a lower-case letter behind them,
    // [heads]* gives back what follows it.
    std::size_t last_both = 0, place = begin;
    for (;;) {
      if (place < text.size() && text[place] >= 'A' && text[place] <= 'Z')
        place = ascii_letters_end<Case::upper>(text, place);
      if (place < text.size() && is_ascii(text[place])) break;
      const Character next = character_at(text, place);
      if (!next.in(kHeads)) break;
      place += next.length;
      if (kBoth.has(next.kind)) last_both = place;
    }
    const std::size_t tails_end = letters_end<Case::lower>(text, place, kTails);
    return {place, tails_end > place ? tails_end : last_both};
  }

  // [^\r\n\p{L}\p{N}]?[heads]*[tails]+(contraction)?|[^\r\n\p{L}\p{N}]?[heads]+[tails]*(contraction)?
  // or 0. `prefix` is the length of what [^\r\n\p{L}\p{N}] matches; a mark can do without it.
  static std::size_t word_end(std::string_view text, std::size_t begin, const Character& first,
                              std::size_t prefix) {
    const Word word = word_at(text, begin + prefix);
    std::size_t end = word.tails_end;
    if (end == 0 && first.kind == unicode::CharClass::mark) end = word_at(text, begin).tails_end;
    if (end == 0 && word.heads_end > begin + prefix) end = word.heads_end;
    return end == 0 ? 0 : end + contraction_length<true>(text, end);
  }

  // [^\s\p{L}\p{N}]+[\r\n/]* from inside the run.
  static std::size_t signs_end(std::string_view text, std::size_t place) {
    place = run_end(text, place, kSigns);
    while (place < text.size() && (ends_line(text[place]) || text[place] == '/')) ++place;
    return place;
  }

  // "don" and "'" become "don't"; a lower-case letter joins "日" and "B".
  static std::size_t piece_end(std::string_view text, std::size_t begin) {
    const Character first = character_at(text, begin);
    if (first.length == 0) return begin + 1;
    if (first.kind == unicode::CharClass::number) return numbers_end(text, begin, kMostNumbers);
    const bool line = ends_line(text[begin]);
    const std::size_t prefix = unicode::kLetters.has(first.kind) || line ? 0 : first.length;
    if (!line)
      if (const std::size_t end = word_end(text, begin, first, prefix)) return end;
    const std::size_t next = begin + first.length;
    if (first.kind != unicode::CharClass::space) return signs_end(text, next);
    if (text[begin] == ' ')
      if (const Character second = character_at(text, next); second.in(kSigns))
        return signs_end(text, next + second.length);
    return lines_or_white_space_end(text, begin);
  }
};

}  // namespace

const Splitter& o200k_splitter() { return o200k_splitter(NumberCut::published); }

const Splitter& o200k_splitter(NumberCut cut) {
  static const PatternSplitter<O200kPattern<3>> published;
  static const PatternSplitter<O200kPattern<1>> single;
  if (cut == NumberCut::single) return single;
  return published;
}

}  // namespace stemma::split
