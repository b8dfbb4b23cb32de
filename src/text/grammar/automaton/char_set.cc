#include "text/grammar/automaton/char_set.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "text/unicode/utf8.h"

namespace stemma::grammar {
namespace {

using Range = CharSet::Range;

constexpr std::string_view kShortEscaped = "\"\\\b\f\n\r\t", kShortEscapes = "\"\\bfnrt";

// `low` and `high` have the same number of bytes, and from `at` on they differ only as the bytes of
// whole ranges do: the states between are a chain.
void add_byte_ranges(Nfa& nfa, Nfa::State from, std::string_view low, std::string_view high,
                     Nfa::State to) {
  for (std::size_t i = 0; i < low.size(); ++i) {
    const Nfa::State next = i + 1 == low.size() ? to : nfa.add_state();
    nfa.add_bytes(from, static_cast<std::uint8_t>(low[i]), static_cast<std::uint8_t>(high[i]),
                  next);
    from = next;
  }
}

// Cuts the range until all bytes behind the first that differs run through all their values.
void add_utf8_range(Nfa& nfa, Nfa::State from, Range range, Nfa::State to) {
  for (const char32_t last : {0x7Fu, 0x7FFu, 0xFFFFu})
    if (range.low <= last && range.high > last) {
      add_utf8_range(nfa, from, {range.low, last}, to);
      add_utf8_range(nfa, from, {last + 1, range.high}, to);
      return;
    }
  const std::size_t bytes = unicode::to_utf8(range.low).size();
  for (std::size_t tail = 1; tail < bytes; ++tail) {
    const char32_t mask = (char32_t{1} << 6 * tail) - 1;
    if ((range.low & ~mask) == (range.high & ~mask)) continue;
    if ((range.low & mask) != 0) {
      add_utf8_range(nfa, from, {range.low, range.low | mask}, to);
      add_utf8_range(nfa, from, {(range.low | mask) + 1, range.high}, to);
      return;
    }
    if ((range.high & mask) != mask) {
      add_utf8_range(nfa, from, {range.low, (range.high & ~mask) - 1}, to);
      add_utf8_range(nfa, from, {range.high & ~mask, range.high}, to);
      return;
    }
  }
  add_byte_ranges(nfa, from, unicode::to_utf8(range.low), unicode::to_utf8(range.high), to);
}

// Escaped characters of the set, the states of whose common prefixes are made once.
void add_escapes(Nfa& nfa, Nfa::State from, const CharSet& set, Nfa::State to) {
  const Nfa::State slash = nfa.add_state();
  nfa.add_byte(from, '\\', slash);
  for (std::size_t i = 0; i < kShortEscaped.size(); ++i)
    if (set.has(static_cast<unsigned char>(kShortEscaped[i])))
      nfa.add_byte(slash, kShortEscapes[i], to);
  const Nfa::State zeros = nfa.add_text(slash, "u00");
  for (const char tens : {'0', '1'}) {
    const Nfa::State last = nfa.add_text(zeros, {&tens, 1});
    for (char32_t digit = 0; digit < 16; ++digit) {
      const char32_t c = (tens == '1' ? 16u : 0u) + digit;
      if (!set.has(c) || kShortEscaped.find(static_cast<char>(c)) != kShortEscaped.npos) continue;
      nfa.add_byte(last, "0123456789abcdef"[digit], to);
      if (digit >= 10) nfa.add_byte(last, "0123456789ABCDEF"[digit], to);
    }
  }
}

bool needs_escape(char32_t c) { return c < 0x20 || c == '"' || c == '\\'; }

}  // namespace

CharSet CharSet::all() { return of({{0, 0x10FFFF}}); }

CharSet CharSet::of(std::initializer_list<Range> ranges) {
  CharSet set;
  for (const Range& range : ranges) set.add(range.low, range.high);
  return set;
}

void CharSet::add(const CharSet& other) {
  for (const Range& range : other.ranges()) add(range.low, range.high);
}

const std::vector<Range>& CharSet::ranges() const {
  if (normalized_) return ranges_;
  std::ranges::sort(ranges_, {}, &Range::low);
  std::vector<Range> joined;
  const auto append = [&](char32_t low, char32_t high) {
    if (low > high) return;
    if (!joined.empty() && joined.back().high + 1 >= low)
      joined.back().high = std::max(joined.back().high, high);
    else
      joined.push_back({low, high});
  };
  for (const Range& range : ranges_) {  // the surrogates are cut out
    append(range.low, std::min<char32_t>(range.high, 0xD7FF));
    append(std::max<char32_t>(range.low, 0xE000), std::min<char32_t>(range.high, 0x10FFFF));
  }
  ranges_ = std::move(joined);
  normalized_ = true;
  return ranges_;
}

CharSet CharSet::complement() const {
  CharSet rest;
  char32_t next = 0;
  for (const Range& range : ranges()) {
    if (range.low > next) rest.add(next, range.low - 1);
    next = range.high + 1;
  }
  if (next <= 0x10FFFF) rest.add(next, 0x10FFFF);
  return rest;
}

bool CharSet::has(char32_t c) const {
  return std::ranges::any_of(ranges(), [&](const Range& r) { return r.low <= c && c <= r.high; });
}

void add_characters(Nfa& nfa, Nfa::State from, const CharSet& set, Spelling spelling,
                    Nfa::State to) {
  bool escapes = false;
  for (const Range& range : set.ranges()) {
    if (spelling == Spelling::utf8) {
      add_utf8_range(nfa, from, range, to);
      continue;
    }
    char32_t next = range.low;
    for (char32_t c = range.low; c <= std::min<char32_t>(range.high, '\\'); ++c) {
      if (!needs_escape(c)) continue;
      escapes = true;
      if (c > next) add_utf8_range(nfa, from, {next, c - 1}, to);
      next = c + 1;
    }
    if (next <= range.high) add_utf8_range(nfa, from, {next, range.high}, to);
  }
  if (escapes) add_escapes(nfa, from, set, to);
}

std::string spelled(char32_t c, Spelling spelling) {
  if (spelling == Spelling::utf8 || !needs_escape(c)) return unicode::to_utf8(c);
  if (const auto at = kShortEscaped.find(static_cast<char>(c)); at != kShortEscaped.npos)
    return {'\\', kShortEscapes[at]};
  return {'\\', 'u', '0', '0', c < 16 ? '0' : '1', "0123456789abcdef"[c % 16]};
}

std::string json_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char32_t c = 0; !text.empty();) {
    const std::size_t size = unicode::decode_utf8(text, c);
    if (size == 0) c = 0xFFFD;
    quoted += spelled(c, Spelling::json);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return quoted + "\"";
}

}  // namespace stemma::grammar
