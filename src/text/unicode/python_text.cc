#include "text/unicode/python_text.h"

#include <algorithm>
#include <iterator>

#include "text/unicode/code_points.h"
#include "text/unicode/lower_case_tables.h"

namespace stemma::unicode {
namespace {

using lower_case_tables::CharRange;
using lower_case_tables::LowerCase;

constexpr char32_t kSigma = U'Σ', kFinalSigma = U'ς', kDottedCapitalI = U'İ';

bool is_in_ranges(std::span<const CharRange> ranges, char32_t c) {
  const auto next = std::ranges::upper_bound(ranges, c, {}, &CharRange::first);
  return next != ranges.begin() && c <= std::prev(next)->last;
}

bool is_cased(char32_t c) { return is_in_ranges(lower_case_tables::cased(), c); }
bool is_ignorable(char32_t c) { return is_in_ranges(lower_case_tables::case_ignorable(), c); }

char32_t lower_of(char32_t c) {
  const auto mappings = lower_case_tables::mappings();
  const auto found = std::ranges::lower_bound(mappings, c, {}, &LowerCase::from);
  return found != mappings.end() && found->from == c ? found->to : c;
}

// Whether the first character that is not ignorable for case, from `place` on, has case.
bool cased_follows(std::string_view text, std::size_t place) {
  while (place < text.size()) {
    char32_t c = 0;
    const std::size_t length = decode_utf8(text.substr(place), c);
    if (length == 0) return false;
    if (!is_ignorable(c)) return is_cased(c);
    place += length;
  }
  return false;
}

// The same of the last one before `place`.
bool cased_precedes(std::string_view text, std::size_t place) {
  while (place > 0) {
    std::size_t before = place - 1;
    while (before > 0 && (static_cast<unsigned char>(text[before]) & 0xC0) == 0x80) --before;
    char32_t c = 0;
    if (decode_utf8(text.substr(before), c) != place - before) return false;
    if (!is_ignorable(c)) return is_cased(c);
    place = before;
  }
  return false;
}

template <bool kFinalSigmas>
void append_lower(std::string_view text, std::string& lower) {
  for (std::size_t place = 0; place < text.size();) {
    const char byte = text[place];
    if (static_cast<unsigned char>(byte) < 0x80) {
      lower += byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
      ++place;
      continue;
    }
    char32_t c = 0;
    const std::size_t length = decode_utf8(text.substr(place), c);
    if (length == 0) {
      lower += byte;
    } else if (c == kDottedCapitalI) {
      lower += "i\u0307";  // the one character whose lower case is two
    } else {
      const bool ends_word = kFinalSigmas && c == kSigma && cased_precedes(text, place) &&
                             !cased_follows(text, place + length);
      const char32_t lower_c = ends_word ? kFinalSigma : lower_of(c);
      append_utf8({&lower_c, 1}, lower);
    }
    place += std::max<std::size_t>(length, 1);
  }
}

}  // namespace

void append_python_lower(std::string_view text, std::string& lower) {
  append_lower<true>(text, lower);
}

void append_python_lower_each(std::string_view text, std::string& lower) {
  append_lower<false>(text, lower);
}

}  // namespace stemma::unicode
