// Whether a word without white space is an address that spaCy keeps whole: a host with a top-level
// domain or a public IP number, with or without protocol, user, port and path
// (spacy/lang/tokenizer_exceptions.py, URL_PATTERN, 3.8). Linear in the word. Private to text/.
//
//   is_english_url("example.com/a?b");            // true
//   is_english_url("me@mail.example.com");        // true
//   is_english_url("End.Next");                   // false: a domain ends in lower case
//
// Pure function: any thread, no errors.
#pragma once

#include <string_view>

namespace stemma::split {

bool is_english_url(std::string_view word);

}  // namespace stemma::split
