#include "text/split/splitter.h"

#include <array>
#include <deque>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "text/split/scan.h"

namespace stemma::split {
namespace scan {
namespace {

// The character that ends at `place`, which is above 0; length 0 where an invalid byte does.
Character character_before(std::string_view text, std::size_t place) {
  for (std::size_t length = 1; length <= 4 && length <= place; ++length) {
    if ((static_cast<unsigned char>(text[place - length]) & 0xC0) == 0x80) continue;
    const Character last = character_at(text, place - length);
    return last.length == length ? last : Character{};
  }
  return {};
}

// Whether a piece ends between these two neighbouring characters in any text: no match of an
// alternative of the patterns contains the one right before the other, and the alternatives that
// look beyond their match, \s+(?!\S) and SmolLM's \s+(?![^\s\p{N}]), cannot end here, because
// `before` is not white space (docs/tokenizer-proofs.md). `first` is the first byte of `after`,
// which is a whole character.
bool always_parted(const Character& before, const Character& after, char first) {
  if (before.length == 0) return true;  // an invalid byte is a piece of its own
  if (before.kind == unicode::CharClass::space) return false;
  const bool number = before.kind == unicode::CharClass::number,
             letter = unicode::kLetters.has(before.kind);
  switch (after.kind) {
    case unicode::CharClass::space:
      return number || letter || !ends_line(first);  // "!\n" is one piece in cl100k
    case unicode::CharClass::number:
      return !number;
    case unicode::CharClass::other:
      return number || (letter && first != '\'');  // "don't"
    default:
      return number;
  }
}

std::size_t last_parted_place(std::string_view text) {
  Character after;  // at `place`; the end has none
  for (std::size_t place = text.size(); place > 0;) {
    const Character before = character_before(text, place);
    if (after.length > 0 && always_parted(before, after, text[place])) return place;
    place -= before.length > 0 ? before.length : 1;
    after = before;
  }
  return 0;
}

// Splits the whole text and takes the end of the last piece that more text cannot change. A piece
// of white space does not count: \s+(?!\S) would take the cut for the end of the text.
std::size_t last_stable_end(const Splitter& splitter, std::string_view text) {
  text.remove_suffix(unicode::incomplete_utf8_tail(text));
  std::array<std::size_t, 256> ends;
  std::deque<std::size_t> unstable;
  std::size_t result = 0;
  for (std::size_t begin = 0; begin < text.size(); begin = unstable.back()) {
    const std::size_t count = splitter.split(text, begin, ends);
    for (const std::size_t end : std::span(ends).first(count)) {
      unstable.push_back(end);
      if (unstable.size() <= splitter.unstable_pieces()) continue;
      if (character_before(text, unstable.front()).kind != unicode::CharClass::space)
        result = unstable.front();
      unstable.pop_front();
    }
  }
  return result;
}

}  // namespace

std::size_t last_boundary(const Splitter& splitter, std::string_view text) {
  const std::size_t place = last_parted_place(text);
  return place > 0 ? place : last_stable_end(splitter, text);
}

}  // namespace scan

namespace {

struct NamedSplitter {
  std::string_view name;
  const Splitter& (*splitter)(NumberCut);
};
constexpr NamedSplitter kNamed[] = {
    {"gpt2", gpt2_splitter}, {"cl100k", cl100k_splitter}, {"o200k", o200k_splitter}};

}  // namespace

std::vector<std::string> splitter_names() {
  std::vector<std::string> names;
  for (const NamedSplitter& one : kNamed) names.emplace_back(one.name);
  return names;
}

const Splitter& splitter_named(std::string_view name, NumberCut cut) {
  for (const NamedSplitter& one : kNamed)
    if (one.name == name) return one.splitter(cut);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[tokenizer] no splitter is called '{}': use one of {}", name,
                          fmt::join(splitter_names(), ", ")));
}

const Splitter* splitter_of_pattern(std::string_view pattern) {
  for (const NumberCut cut : {NumberCut::published, NumberCut::single, NumberCut::triple})
    for (const Splitter* splitter :
         {&gpt2_splitter(cut), &cl100k_splitter(cut), &o200k_splitter(cut)})
      if (splitter->pattern() == pattern) return splitter;
  return smollm_splitter().pattern() == pattern ? &smollm_splitter() : nullptr;
}

}  // namespace stemma::split
