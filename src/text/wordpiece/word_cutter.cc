#include "text/wordpiece/word_cutter.h"

#include <algorithm>

#include "text/cleaning/cleaning_tables.h"
#include "text/cleaning/normalize.h"
#include "text/unicode/code_points.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"
#include "text/wordpiece/characters.h"

namespace stemma::wordpiece {
namespace {

constexpr char32_t kReplaced = 0xFFFD, kDottedCapitalI = 0x130, kDotAbove = 0x307;

bool is_plain_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

void WordCutter::cut(std::string_view text) {
  for (std::size_t place = 0; place < text.size();) {
    if (is_plain_letter(text[place])) {  // most of most texts: no step but lower case changes it
      write_marks();
      write(static_cast<unsigned char>(text[place++]));
      continue;
    }
    char32_t c = kReplaced;
    std::size_t length = unicode::decode_utf8(text.substr(place), c);
    if (length == 0) {
      c = kReplaced;
      length = unicode::bytes_of_characters(text.substr(place), 1);
    }
    place += length;
    take(c);
  }
  write_marks();
  end_word();
}

void WordCutter::take(char32_t c) {
  if (options_.clean_text && has(c, kRemoved)) return;
  const bool alone = options_.handle_chinese_chars && is_chinese(c);
  if (alone) {
    write_marks();
    end_word();
  }
  if (!strips_accents_) {
    write(c);
  } else if (c < 0x80 || has(c, kNotNormalized)) {
    take_part(c);
  } else {
    parts_.clear();
    cleaning::append_decomposition(c, parts_);
    for (const char32_t part : parts_) take_part(part);
  }
  if (alone) {
    write_marks();
    end_word();
  }
}

// A part of a decomposition. Marks are put in the order of their classes up to the next starter,
// which is also one that is dropped (class 0: most vowel signs of India's scripts).
void WordCutter::take_part(char32_t c) {
  const int mark_class =
      c < 0x80 || has(c, kNotNormalized) ? 0 : int{cleaning::normal_form(c).combining_class};
  const bool kept = !has(c, kAccent);
  if (mark_class == 0) {
    write_marks();
    if (kept) write(c);
  } else if (kept) {
    marks_.emplace_back(mark_class, c);
  }
}

void WordCutter::write_marks() {
  if (marks_.empty()) return;
  std::ranges::stable_sort(marks_, {}, &std::pair<int, char32_t>::first);
  for (const auto& [mark_class, c] : marks_) write(c);
  marks_.clear();
}

void WordCutter::write(char32_t c) {
  if (!options_.lowercase) return append(c);
  if (c != kDottedCapitalI) return append(unicode::lower_case(c));
  append(U'i');
  append(kDotAbove);
}

void WordCutter::append(char32_t c) {
  if (has(c, kWhiteSpace)) return end_word();
  const bool alone = has(c, kPunctuation);
  if (alone) end_word();
  if (characters_ < longest_) {
    if (c < 0x80)
      word_.push_back(static_cast<char>(c));
    else
      unicode::append_utf8({&c, 1}, word_);
  }
  ++characters_;
  if (alone) end_word();
}

void WordCutter::end_word() {
  if (characters_ > 0) sink_(word_, characters_);
  word_.clear();
  characters_ = 0;
}

std::size_t last_word_end(std::string_view text, const TextOptions& options) {
  for (std::size_t place = text.size(); place-- > 0;) {
    char32_t c = 0;
    const std::size_t length = unicode::decode_utf8(text.substr(place), c);
    if (length == 0 || (options.clean_text && has(c, kRemoved))) continue;
    if (has(c, kWhiteSpace) || has(c, kPunctuation) ||
        (options.handle_chinese_chars && is_chinese(c)))
      return place + length;
  }
  return 0;
}

}  // namespace stemma::wordpiece
