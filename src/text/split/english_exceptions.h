// The words that spaCy's English tokenizer cuts, or keeps whole, against its rules of signs
// (spacy/lang/tokenizer_exceptions.py and spacy/lang/en/tokenizer_exceptions.py, 3.8): contractions
// ("do|n't"), abbreviations ("Mr."), times ("10|am"), emoticons (":-)"). 1,347 in all.
//
//   english_exceptions().find("can't");           // lengths 2, 3
//
// Case and apostrophes count: "can’t" is an entry of its own. Immutable: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/lookup/string_map.h"

namespace stemma::split {

// The lengths of a word's tokens in bytes, in order; zeros behind.
using EnglishCuts = std::array<std::uint8_t, 4>;

class EnglishExceptions {
 public:
  EnglishExceptions();

  // Null where the word is none.
  const EnglishCuts* find(std::string_view word) const {
    if (word.size() > longest_bytes_) return nullptr;
    const auto found = cuts_.find(word);
    return found == cuts_.end() ? nullptr : &found->second;
  }
  const lookup::StringMap<EnglishCuts>& all() const { return cuts_; }

 private:
  // `parts`: the tokens with '|' between; twice, also with ’ for each apostrophe.
  void add(std::string_view parts);
  // And with a capital.
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
