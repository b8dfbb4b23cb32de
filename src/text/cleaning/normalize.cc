#include "text/cleaning/normalize.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "text/cleaning/cleaning_tables.h"

namespace stemma::cleaning {
namespace {

// Hangul syllables by arithmetic (The Unicode Standard, section 3.12).
constexpr char32_t kSyllables = 0xAC00, kLeadJamo = 0x1100, kVowelJamo = 0x1161, kTailJamo = 0x11A7;
constexpr char32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28;
constexpr char32_t kSyllableCount = kLeadCount * kVowelCount * kTailCount;

bool is_syllable(char32_t c) { return c >= kSyllables && c < kSyllables + kSyllableCount; }

unsigned class_of_mark(char32_t c) { return normal_form(c).combining_class; }

// Marks by their combining class, those of one class in their order.
void reorder_marks(std::u32string& text) {
  for (std::size_t begin = 0; begin < text.size();) {
    if (class_of_mark(text[begin]) == 0) {
      ++begin;
      continue;
    }
    std::size_t end = begin + 1;
    while (end < text.size() && class_of_mark(text[end]) != 0) ++end;
    std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(begin),
                     text.begin() + static_cast<std::ptrdiff_t>(end),
                     [](char32_t a, char32_t b) { return class_of_mark(a) < class_of_mark(b); });
    begin = end;
  }
}

// The character of both, 0 where there is none.
char32_t compose_pair(char32_t first, char32_t second) {
  if (first - kLeadJamo < kLeadCount && second - kVowelJamo < kVowelCount)
    return kSyllables + ((first - kLeadJamo) * kVowelCount + second - kVowelJamo) * kTailCount;
  if (is_syllable(first) && (first - kSyllables) % kTailCount == 0 && second > kTailJamo &&
      second < kTailJamo + kTailCount)
    return first + second - kTailJamo;
  const auto pairs = compositions();
  const auto found =
      std::lower_bound(pairs.begin(), pairs.end(), Composition{first, second, 0},
                       [](const Composition& a, const Composition& b) {
                         return a.first != b.first ? a.first < b.first : a.second < b.second;
                       });
  const bool exists = found != pairs.end() && found->first == first && found->second == second;
  return exists ? found->composite : 0;
}

// text: decomposed and in order. A mark joins the last starter unless one of its own class, or a
// starter, stands between them.
void compose_in_place(std::u32string& text) {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t kept = 0, starter = kNone;
  unsigned last_class = 0;  // of what stands behind the starter, if anything
  for (const char32_t c : std::u32string(text)) {
    const unsigned this_class = class_of_mark(c);
    const bool adjacent = starter != kNone && kept == starter + 1;
    if (starter != kNone && (adjacent || (last_class != 0 && last_class < this_class))) {
      if (const char32_t composite = compose_pair(text[starter], c)) {
        text[starter] = composite;
        continue;
      }
    }
    if (this_class == 0) starter = kept;
    last_class = this_class;
    text[kept++] = c;
  }
  text.resize(kept);
}

}  // namespace

void append_decomposition(char32_t c, std::u32string& out) {
  if (is_syllable(c)) {
    const char32_t number = c - kSyllables, tail = number % kTailCount;
    out.push_back(kLeadJamo + number / (kVowelCount * kTailCount));
    out.push_back(kVowelJamo + number / kTailCount % kVowelCount);
    if (tail > 0) out.push_back(kTailJamo + tail);
    return;
  }
  const std::u32string_view parts = decomposition(normal_form(c));
  if (parts.empty())
    out.push_back(c);
  else
    out += parts;
}

void normalize_nfc(std::u32string& text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return normal_form(c).stays; }))
    return;
  std::u32string decomposed;
  decomposed.reserve(text.size() + text.size() / 2);
  for (const char32_t c : text) append_decomposition(c, decomposed);
  reorder_marks(decomposed);
  compose_in_place(decomposed);
  text = std::move(decomposed);
}

}  // namespace stemma::cleaning
