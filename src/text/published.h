// GPT-2's own tokenizer (Radford et al. 2019), from the vocabulary inside the binary: 50,257 ids,
// <|endoftext|> = 50256.
//
//   gpt2_tokenizer()->encode("Hello world", ids);   // 15496 995
//
// Each call builds a new one (tens of milliseconds); any thread. Throws internal when the binary is
// damaged.
#pragma once

#include <memory>

#include "text/bpe_tokenizer.h"

namespace stemma {

std::shared_ptr<const BpeTokenizer> gpt2_tokenizer();

}  // namespace stemma
