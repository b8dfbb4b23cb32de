#include "data/labelled/words.h"

#include <algorithm>

#include <fmt/format.h>

#include "data/labelled/delimited.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"
#include "text/wordpiece/characters.h"

namespace stemma::labelled {
namespace {

enum class Part : std::uint8_t { space, inside, alone };

Part part_of(char32_t c) {
  if (unicode::char_class(c) == unicode::CharClass::space) return Part::space;
  const bool alone = wordpiece::has(c, wordpiece::kPunctuation) || wordpiece::is_chinese(c);
  return alone ? Part::alone : Part::inside;
}

// divides: punctuation and ideographs are words of their own.
std::vector<ByteRange> cut_words(std::string_view text, bool divides) {
  std::vector<ByteRange> words;
  bool open = false;  // the last word may go on
  for (std::size_t place = 0; place < text.size();) {
    char32_t c = 0xFFFD;
    const std::size_t length =
        std::max<std::size_t>(unicode::decode_utf8(text.substr(place), c), 1);
    Part part = part_of(c);
    if (part == Part::alone && !divides) part = Part::inside;
    const auto begin = static_cast<std::int64_t>(place);
    const auto end = static_cast<std::int64_t>(place += length);
    if (part == Part::inside && open)
      words.back().end = end;
    else if (part != Part::space)
      words.push_back({begin, end});
    open = part == Part::inside;
  }
  return words;
}

bool is_inside_character(std::string_view text, std::int64_t offset) {
  const auto at = static_cast<std::size_t>(offset);
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

std::string shown(const Span& span) {
  return fmt::format("span [{}, {}) '{}'", span.begin, span.end, span.label);
}

void check_spans(std::string_view text, const std::vector<Span>& spans, const std::string& place) {
  const Span* before = nullptr;
  for (const Span& span : spans) {
    const auto refuse = [&](const std::string& what) {
      throw BadRow(fmt::format("[rows] {}: {} {}", place, shown(span), what));
    };
    if (span.begin < 0 || span.end > std::ssize(text))
      refuse(fmt::format("must lie in the text of {} bytes", text.size()));
    if (span.begin >= span.end) refuse("must end behind its beginning");
    if (is_inside_character(text, span.begin) || is_inside_character(text, span.end))
      refuse("begins or ends inside a character; offsets count bytes of UTF-8, not characters");
    if (span.label.empty()) refuse("must have a label");
    if (before != nullptr && span.begin < before->end)
      refuse(fmt::format("overlaps {}: a word can have one tag", shown(*before)));
    before = &span;
  }
}

// Cuts the word that a span begins or ends in.
std::vector<ByteRange> cut_at_spans(const std::vector<ByteRange>& words,
                                    const std::vector<Span>& spans) {
  std::vector<ByteRange> cut;
  auto span = spans.begin();
  for (ByteRange word : words) {
    for (; span != spans.end() && span->end <= word.begin; ++span) {
    }
    for (auto next = span; next != spans.end() && next->begin < word.end; ++next)
      for (const std::int64_t offset : {next->begin, next->end})
        if (offset > word.begin && offset < word.end) {
          cut.push_back({word.begin, offset});
          word.begin = offset;
        }
    cut.push_back(word);
  }
  return cut;
}

}  // namespace

std::vector<ByteRange> split_words(std::string_view text) { return cut_words(text, true); }
std::vector<ByteRange> words_between_blanks(std::string_view text) {
  return cut_words(text, false);
}

void tag_spans(std::string_view text, std::vector<Span> spans, std::vector<ByteRange>& words,
               std::vector<std::string>& tags, const std::string& place) {
  std::stable_sort(spans.begin(), spans.end(),
                   [](const Span& a, const Span& b) { return a.begin < b.begin; });
  check_spans(text, spans, place);
  words = cut_at_spans(words, spans);
  tags.assign(words.size(), "O");
  std::size_t word = 0;
  for (const Span& span : spans) {
    while (word < words.size() && words[word].end <= span.begin) ++word;
    const std::size_t first = word;
    for (; word < words.size() && words[word].begin < span.end; ++word)
      tags[word] = (word == first ? "B-" : "I-") + span.label;
    if (word == first)
      throw BadRow(fmt::format("[rows] {}: {} covers white space only", place, shown(span)));
  }
}

void join_words(const std::vector<std::string>& parts, std::string& text,
                std::vector<ByteRange>& words, const std::string& place) {
  text.clear();
  words.clear();
  for (const std::string& part : parts) {
    if (is_blank(part))
      throw BadRow(fmt::format("[rows] {}: word {} must not be empty", place, words.size() + 1));
    if (!text.empty()) text += ' ';
    const std::int64_t begin = std::ssize(text);
    text += part;
    words.push_back({begin, std::ssize(text)});
  }
}

}  // namespace stemma::labelled
