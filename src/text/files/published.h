// OpenAI's published encodings, from the tables inside the binary (tables/README.md):
//
//   gpt2                      the merges of GPT-2 (Radford et al. 2019), 50,257 ids
//   r50k_base                 GPT-3: the same tokens and ids, tiktoken's rule of merging
//   p50k_base, p50k_edit      Codex: r50k with runs of 2 to 25 spaces
//   cl100k_base               GPT-3.5 and GPT-4
//   o200k_base, o200k_harmony GPT-4o, gpt-oss
//   openai-gpt, gpt1          GPT-1 as transformers and as OpenAI's code have it
//
//   published_tokenizer("cl100k_base")->encode("Hello world", ids);   // 9906 1917
//
// Each call builds a new one; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe/bpe_tokenizer.h"

namespace stemma::tokenizer_files {

// Null where no byte-level encoding has this name. Throws internal when the binary is damaged.
std::shared_ptr<const bpe::BpeTokenizer> published_tokenizer(std::string_view name);

// openai-gpt and gpt1, which are of another kind (gpt1_tokenizer.h): 40,478 ids, <unk> the only
// special token; they differ in Gpt1LowerCase. Null for other names. Throws internal.
std::shared_ptr<const Tokenizer> published_gpt1(std::string_view name);
// What belongs to an encoding beside the table of its tokens.
struct EncodingRules {
  const split::Splitter& splitter;
  std::vector<std::pair<std::string, std::int32_t>> special_tokens;
  std::size_t tokens = 0;  // in the table
};
// Nothing where no encoding has this name.
std::optional<EncodingRules> published_rules(std::string_view name);

// "gpt2", "r50k_base", ...: for messages.
std::vector<std::string> published_names();

}  // namespace stemma::tokenizer_files
