// Recognises the URLs and mail addresses that spaCy's English tokenizer keeps whole: a host with a
// top-level domain or a public IPv4 address, with optional protocol, user, port and path
// (spacy/lang/tokenizer_exceptions.py, URL_PATTERN, 3.8). Private to text/.
//
//   is_english_url("example.com/a?b");            // true
//   is_english_url("me@mail.example.com");        // true
//   is_english_url("End.Next");                   // false: a top-level domain is in lower case
//
// `word` has no white space. A hand-written matcher that takes time linear in the word, where the
// regular expression backtracks. Pure function: any thread, no errors.
#pragma once

#include <string_view>

namespace stemma::split {

bool is_english_url(std::string_view word);

}  // namespace stemma::split
