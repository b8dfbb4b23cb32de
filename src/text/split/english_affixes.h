// Finds the punctuation that spaCy's English tokenizer removes from the ends of a word (prefixes
// and suffixes), and at which it cuts inside a word (infixes). spaCy writes these rules as regular
// expressions (spacy/lang/punctuation.py and spacy/lang/en/punctuation.py, 3.8); here they are
// hand-written scanners. Private to text/.
//
//   english_prefix("(word");                      // 1
//   english_suffix("5km");                        // 2: a unit after a digit
//   EnglishInfixes infixes("well-known");
//   infixes.next();                               // {4, 5}; the next call returns nothing
//
// A call looks at a bounded number of characters, except that a run of dots is read to its end. A
// byte that is not part of valid UTF-8 counts as a character that belongs to no class. Pure
// functions: any thread, no errors.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace stemma::split {

// The length in bytes of the prefix or suffix to remove, 0 where there is none.
std::size_t english_prefix(std::string_view word);
std::size_t english_suffix(std::string_view word);

// Finds the infixes of a word, from left to right.
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
