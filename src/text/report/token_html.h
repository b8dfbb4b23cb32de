// Writes an HTML page that shows the tokens of a text in colour, and their statistics.
//
//   InspectedText one{"gpt2", *tokenizer, ids, token_statistics(*tokenizer, text, ids)};
//   write(token_page({&one, 1}, {.title = "book.txt"}));
//
// The page is one file that loads nothing else (no scripts, fonts or pictures) and suits light and
// dark screens. Pointing at a token shows its id and bytes. Text and vocabulary cannot inject
// anything into the page: markup is escaped, and other bytes are shown by visible_text().
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
