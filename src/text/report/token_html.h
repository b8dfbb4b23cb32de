// A page that shows a text's tokens and their statistics: one HTML file that needs nothing else (no
// scripts, fonts or pictures from elsewhere), for light and dark screens. Tokens are coloured; the
// pointer on one shows its id and bytes. Whatever the text and the vocabulary hold, it is shown and
// not acted on: markup is escaped, the rest is visible_text.h's.
//
//   InspectedText one{"gpt2", *tokenizer, ids, token_statistics(*tokenizer, text, ids)};
//   write(token_page({&one, 1}, {.title = "book.txt"}));
//
// Pure function: any thread. Throws as Tokenizer::bytes_of().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/report/token_statistics.h"
#include "text/tokenizer.h"

namespace stemma::report {

struct InspectedText {
  std::string name;  // of the tokenizer
  const Tokenizer& tokenizer;
  std::vector<std::int32_t> ids;  // of the whole text
  TokenStatistics statistics;
};

struct TokenPageOptions {
  std::string title;                  // what was read: a file's name
  std::size_t shown_bytes = 100'000;  // of the text, from its start; the page says so
  std::size_t shown_tokens = 40'000;  // bounds the page where tokens are short
  std::size_t listed_unused = 2'000;  // of the vocabulary
};

// One column for each tokenizer of the same text. About 100 bytes for each token shown.
std::string token_page(std::span<const InspectedText> texts, const TokenPageOptions& options);

}  // namespace stemma::report
