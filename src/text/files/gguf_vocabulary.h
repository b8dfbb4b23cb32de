// A tokenizer from what a GGUF file says of one. The file itself is read by the room checkpoint
// (checkpoint/gguf_tokenizer.h), which fills the struct.
//
//   GgufVocabulary vocabulary{.where = "model.gguf", .model = "gpt2", .pre = "smollm"};
//   vocabulary.tokens = {"<|endoftext|>", "!", ...};
//   std::shared_ptr<const Tokenizer> tokenizer = tokenizer_of(vocabulary);
//
// Only byte-level BPE, which GGUF calls "gpt2", with a split pattern that is known: tokens and
// merges are in GPT-2's alphabet for bytes. Bytes without a token are left out of texts, as
// llama.cpp and Hugging Face's BPE without unk_token do. Ids are Hugging Face's; llama.cpp differs
// from these only in a piece where such a byte stands between others: it does not merge across.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace stemma::tokenizer_files {

// Views, which need to live during tokenizer_of() only. Beside each: its key, after
// "tokenizer.ggml.".
struct GgufVocabulary {
  std::string where;                         // names the file in errors
  std::string_view model;                    // model: "gpt2" is byte-level BPE
  std::string_view pre;                      // pre: the split pattern, "gpt-2" or "smollm"
  std::vector<std::string_view> tokens;      // tokens: by id
  std::vector<std::int32_t> types;           // token_type: of each token
  std::vector<std::string_view> merges;      // merges: by rank, "Ġ t"
  std::optional<std::int64_t> bos, eos;      // bos_token_id, eos_token_id
  std::optional<std::int64_t> unknown, pad;  // unknown_token_id, padding_token_id
  bool adds_bos = false, adds_eos = false;   // add_bos_token, add_eos_token
  bool adds_space = false;                   // add_space_prefix
  std::string_view chat_template;            // tokenizer.chat_template
};

// Tokens of type 3, control, are special. So are those of type 4, user-defined, whose names are
// written <...>: text never yields them here, where llama.cpp finds them in any text; other
// user-defined tokens are found in any text here too. Throws corrupt (arrays that contradict each
// other, an id outside the vocabulary, a token or merge that cannot be) and unsupported, with its
// name (another model, pattern or type of token; a space before every text).
std::shared_ptr<const Tokenizer> tokenizer_of(const GgufVocabulary& vocabulary);

}  // namespace stemma::tokenizer_files
