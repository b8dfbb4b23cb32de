// The exceptions of spaCy's English tokenizer: a hash table of words that are cut, or kept whole,
// against its rules of punctuation (spacy/lang/tokenizer_exceptions.py and
// spacy/lang/en/tokenizer_exceptions.py, 3.8). They are contractions ("do|n't"), abbreviations
// ("Mr."), times ("10|am") and emoticons (":-)"), 1,347 in all.
//
//   english_exceptions().find("can't");           // lengths 2, 3: "ca", "n't"
//
// Case and the kind of apostrophe matter: "can’t" is an entry of its own. Immutable: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/lookup/string_map.h"

namespace stemma::split {

// The lengths in bytes of the tokens of a word, in order, then zeros.
using EnglishCuts = std::array<std::uint8_t, 4>;

class EnglishExceptions {
 public:
  EnglishExceptions();

  // Null where the word is no exception.
  const EnglishCuts* find(std::string_view word) const {
    if (word.size() > longest_bytes_) return nullptr;
    const auto found = cuts_.find(word);
    return found == cuts_.end() ? nullptr : &found->second;
  }
  const lookup::StringMap<EnglishCuts>& all() const { return cuts_; }

 private:
  // Adds an exception, given as its tokens with '|' between them, and the same with ’ for each '.
  void add(std::string_view parts);
  // The same, and also with a capital at the beginning.
  void add_both(const std::string& parts);
  void add_pronouns();
  void add_question_words();
  void add_verbs();
  void remove_words();

  lookup::StringMap<EnglishCuts> cuts_;
  std::size_t longest_bytes_ = 0;
};

const EnglishExceptions& english_exceptions();

}  // namespace stemma::split
