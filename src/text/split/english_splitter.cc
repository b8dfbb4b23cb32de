#include "text/split/english_splitter.h"

#include <algorithm>

#include "text/split/english_affixes.h"
#include "text/split/english_url.h"
#include "text/unicode/python_text.h"
#include "text/unicode/utf8.h"

namespace stemma::split {
namespace {

using Tokens = std::vector<std::string_view>;

bool is_exception(std::string_view word) { return english_exceptions().find(word) != nullptr; }

// Takes signs off the ends of a word.
class AffixCutter {
 public:
  AffixCutter(std::string_view word, bool with_exceptions)
      : word_(word), with_exceptions_(with_exceptions) {}

  // What is left in the middle. Prefixes go to `tokens`, suffixes (the last one first) to
  // `suffixes`.
  std::string_view cut(Tokens& tokens, Tokens& suffixes) {
    while (!word_.empty() && !stops_at(word_)) {
      const std::size_t before = english_prefix(word_);
      const std::string_view without_prefix = word_.substr(before);
      if (before > 0 && !without_prefix.empty() && stops_at(without_prefix)) {
        tokens.push_back(word_.substr(0, before));
        return without_prefix;
      }
      const std::size_t after = english_suffix(without_prefix);
      if (before == 0 && after == 0) break;
      const std::string_view without_suffix = word_.substr(0, word_.size() - after);
      const std::string_view suffix = word_.substr(word_.size() - after);
      if (after > 0 && !without_suffix.empty() && stops_at(without_suffix)) {
        suffixes.push_back(suffix);
        return without_suffix;
      }
      if (before > 0) tokens.push_back(word_.substr(0, before));
      if (after > 0) suffixes.push_back(suffix);
      word_ = word_.substr(before, word_.size() - before - after);
    }
    return word_;
  }

 private:
  bool stops_at(std::string_view word) const { return with_exceptions_ && is_exception(word); }

  std::string_view word_;
  bool with_exceptions_;
};

void cut_infixes(std::string_view word, Tokens& tokens) {
  std::size_t begin = 0;
  EnglishInfixes infixes(word);
  while (const auto infix = infixes.next()) {
    if (infix->begin == 0) continue;  // a sign that begins the word stays with it
    if (infix->begin > begin) tokens.push_back(word.substr(begin, infix->begin - begin));
    tokens.push_back(word.substr(infix->begin, infix->end - infix->begin));
    begin = infix->end;
  }
  if (begin < word.size()) tokens.push_back(word.substr(begin));
}

void cut_middle(std::string_view word, bool with_exceptions, Tokens& tokens) {
  const EnglishCuts* cuts = with_exceptions ? english_exceptions().find(word) : nullptr;
  if (cuts != nullptr) {
    for (const std::uint8_t length : *cuts) {
      if (length == 0) break;
      tokens.push_back(word.substr(0, length));
      word.remove_prefix(length);
    }
  } else if (is_english_url(word)) {
    tokens.push_back(word);
  } else {
    cut_infixes(word, tokens);
  }
}

void cut_chunk(std::string_view chunk, bool with_exceptions, Tokens& tokens) {
  Tokens suffixes;
  const std::string_view middle = AffixCutter(chunk, with_exceptions).cut(tokens, suffixes);
  if (!middle.empty()) cut_middle(middle, with_exceptions, tokens);
  tokens.insert(tokens.end(), suffixes.rbegin(), suffixes.rend());
}

// The beginning of the run of white space, or of other characters, that ends at `end`.
std::size_t run_begin(std::string_view text, std::size_t end, bool of_space) {
  while (end > 0) {
    std::size_t before = end - 1;
    while (before > 0 && (static_cast<unsigned char>(text[before]) & 0xC0) == 0x80) --before;
    if ((unicode::python_space_at(text, before) > 0) != of_space) break;
    end = before;
  }
  return end;
}

// The last chunk of text[0, end).
std::string_view chunk_before(std::string_view text, std::size_t end) {
  const std::size_t words_end = run_begin(text, end, true);
  const std::size_t dropped = words_end > 0 && words_end < end && text[words_end] == ' ' ? 1 : 0;
  if (words_end + dropped < end) return text.substr(words_end + dropped, end - words_end - dropped);
  const std::size_t begin = run_begin(text, words_end, false);
  return text.substr(begin, words_end - begin);
}

}  // namespace

EnglishSplitter::EnglishSplitter() {
  for (const auto& [exception, cuts] : english_exceptions().all()) {
    Tokens tokens;
    const bool has_signs = english_prefix(exception) > 0 || english_suffix(exception) > 0 ||
                           EnglishInfixes(exception).next();
    if (!has_signs) continue;
    cut_chunk(exception, false, tokens);
    rejoiner_.add(tokens, cuts);
  }
}

std::string_view EnglishSplitter::next_chunk(std::string_view text, std::size_t& place) {
  const std::size_t begin = place;
  const bool space = unicode::python_space_at(text, begin) > 0;
  do {
    char32_t c = 0;
    place += std::max<std::size_t>(unicode::decode_utf8(text.substr(place), c), 1);
  } while (place < text.size() && (unicode::python_space_at(text, place) > 0) == space);
  const std::size_t end = place;
  if (!space && place < text.size() && text[place] == ' ') ++place;
  return text.substr(begin, end - begin);
}

bool EnglishSplitter::split_chunk(std::string_view chunk, Tokens& tokens) const {
  const std::size_t before = tokens.size();
  cut_chunk(chunk, true, tokens);
  return !rejoiner_.may_change(std::span(tokens).subspan(before));
}

void EnglishSplitter::split_chunk_in(std::string_view text, std::string_view chunk,
                                     Tokens& tokens) const {
  const auto begin = static_cast<std::size_t>(chunk.data() - text.data());
  Tokens around;
  for (std::size_t end = begin; end > 0 && around.size() < rejoiner_.reach();) {
    const std::string_view before = chunk_before(text, end);
    Tokens some;
    cut_chunk(before, true, some);
    around.insert(around.begin(), some.begin(), some.end());
    end = static_cast<std::size_t>(before.data() - text.data());
  }
  const std::size_t first = around.size();
  cut_chunk(chunk, true, around);
  const std::size_t last = around.size();
  std::size_t place = begin;
  next_chunk(text, place);
  while (place < text.size() && around.size() - last < rejoiner_.reach())
    cut_chunk(next_chunk(text, place), true, around);
  rejoiner_.rejoin(around, first, last, tokens);
}

void EnglishSplitter::split(std::string_view text, Tokens& tokens) const {
  for (std::size_t place = 0; place < text.size();) {
    const std::string_view chunk = next_chunk(text, place);
    const std::size_t before = tokens.size();
    if (split_chunk(chunk, tokens)) continue;
    tokens.resize(before);
    split_chunk_in(text, chunk, tokens);
  }
}

const EnglishSplitter& english_splitter() {
  static const EnglishSplitter splitter;
  return splitter;
}

}  // namespace stemma::split
