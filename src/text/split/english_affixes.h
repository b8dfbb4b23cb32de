// The signs that spaCy's English tokenizer takes off the ends of a word, or cuts a word at
// (spacy/lang/punctuation.py and spacy/lang/en/punctuation.py, 3.8), as scanners that look at a
// bounded number of characters, runs of dots aside. Private to text/.
//
//   english_prefix("(word");                      // 1
//   english_suffix("5km");                        // 2: a unit behind a digit
//   EnglishInfixes infixes("well-known");
//   infixes.next();                               // begins at 4, ends at 5; then nothing
//
// An invalid byte is a character without class. Pure functions: any thread, no errors.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace stemma::split {

// The length in bytes of what comes off, 0: nothing.
std::size_t english_prefix(std::string_view word);
std::size_t english_suffix(std::string_view word);

// The signs within a word, from left to right.
class EnglishInfixes {
 public:
  struct Infix {
    std::size_t begin = 0, end = 0;
  };

  explicit EnglishInfixes(std::string_view word) : word_(word) {}
  std::optional<Infix> next();

 private:
  std::string_view word_;
  std::size_t place_ = 0;
};

}  // namespace stemma::split
