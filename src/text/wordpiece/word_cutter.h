// BERT's words: text is cleaned (Hugging Face's BertNormalizer) and cut at white space and around
// every punctuation mark (BertPreTokenizer), in one pass.
//
//   WordCutter cutter({}, 100, [](std::string_view word, std::size_t characters) { ... });
//   cutter.cut("Élan vital!");                 // "elan", "vital", "!"
//
// The steps for each character: clean_text drops control characters; handle_chinese_chars makes
// ideographs words of their own; strip_accents decomposes (NFD, which also takes Hangul syllables
// apart) and drops \p{Mn}; lowercase. A word is never empty. Bytes that are not UTF-8 are read as
// U+FFFD, which clean_text drops.
//
// Time is linear in the text but for long runs of combining marks that strip_accents keeps
// (n log n). Memory: a word, at most `longest` characters, and such a run. One thread a cutter.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma::wordpiece {

// The fields of BertNormalizer.
struct TextOptions {
  bool clean_text = true, handle_chinese_chars = true, lowercase = true;
  std::optional<bool> strip_accents;  // nothing: as lowercase

  bool strips_accents() const { return strip_accents.value_or(lowercase); }
  bool operator==(const TextOptions&) const = default;
};

class WordCutter {
 public:
  // Takes each word. The view lives during the call, and ends after `longest` characters where the
  // word has more.
  using Sink = std::function<void(std::string_view word, std::size_t characters)>;

  WordCutter(const TextOptions& options, std::size_t longest, Sink sink)
      : options_(options),
        strips_accents_(options.strips_accents()),
        longest_(longest),
        sink_(std::move(sink)) {}

  void cut(std::string_view text);

 private:
  void take(char32_t c);
  void take_part(char32_t c);
  void write_marks();
  void write(char32_t c);
  void append(char32_t c);
  void end_word();

  const TextOptions options_;
  const bool strips_accents_;
  const std::size_t longest_;
  const Sink sink_;
  std::string word_;
  std::size_t characters_ = 0;                   // of the word, also those beyond longest_
  std::u32string parts_;                         // of the character at hand
  std::vector<std::pair<int, char32_t>> marks_;  // kept ones by class, since the last starter
};

// Tokenizer::last_boundary(): behind the last character of `text` that ends words whatever follows.
std::size_t last_word_end(std::string_view text, const TextOptions& options);

}  // namespace stemma::wordpiece
