// `.tiktoken` files (openai/tiktoken, tiktoken/load.py): the tokens of an encoding, one a line as
// base64, a space and the rank, which is also the id. Any two neighbours that join to a token may
// merge, the lowest rank first.
//
//   auto tokenizer = read_tiktoken("cl100k_base.tiktoken");
//   save_tiktoken(*tokenizer, "copy.tiktoken");         // and copy.json
//
// Such a file says nothing of how text is split and which special tokens there are. One rule: a
// file NAME.json beside NAME.tiktoken says it; where there is none, NAME must be a published
// encoding (published.h). NAME.json has the arguments of tiktoken.Encoding:
//
//   {"name": "copy", "pat_str": "...", "special_tokens": {"<|endoftext|>": 100257},
//    "explicit_n_vocab": 100258, "eos_token": "<|endoftext|>"}
//
// The last two may be missing; eos_token is ours and names the token that separates documents.
// Parsers take any bytes: they throw corrupt, naming file and line, for what is damaged or
// contradicts itself, and unsupported for a pattern that nothing here splits by. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe/bpe_tokenizer.h"

namespace stemma::tokenizer_files {

// What the file of ranks does not say.
struct TiktokenRules {
  const split::Splitter* splitter = nullptr;
  // White space at the end of a text is one piece for the pattern, for the splitter perhaps two,
  // cut behind its last line end.
  bool joins_last_lines = false;
  std::vector<std::pair<std::string, std::int32_t>> special_tokens;
  std::string eos_name;
  std::optional<std::int64_t> tokens;  // lines wanted in the file
};

// NAME.json.
TiktokenRules parse_tiktoken_rules(std::string_view text, const std::string& where);

std::shared_ptr<const bpe::BpeTokenizer> parse_tiktoken(std::string_view text,
                                                        const TiktokenRules& rules,
                                                        const std::string& where);

// Throws as the parsers, and not_found.
std::shared_ptr<const bpe::BpeTokenizer> read_tiktoken(const std::filesystem::path& path);

// Writes NAME.json, then NAME.tiktoken; each is whole or absent. Throws unsupported, with the
// reason, where a list of merges does not mean the same as the ranks of its tokens, or an id below
// the largest has no token; device.
void save_tiktoken(const bpe::BpeTokenizer& tokenizer, const std::filesystem::path& path);

}  // namespace stemma::tokenizer_files
