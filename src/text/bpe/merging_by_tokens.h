// Tells whether a list of merges (GPT-2, Hugging Face) gives the same ids as tiktoken's rule, which
// merges any two neighbours whose bytes are a token (BpeVocabulary::by_tokens). Conversion between
// the two kinds of files depends on it.
//
//   difference_from_merging_by_tokens(published_tokenizer("gpt2")->vocabulary());   // "": none
//
// Pure function; it builds the tables of an encoder, so it takes as long as opening a tokenizer.
// Throws std::bad_alloc only.
#pragma once

#include <string>

#include "text/bpe/bpe_vocabulary.h"

namespace stemma::bpe {

// Empty where every text has the same ids under both rules; otherwise the reason why that is not
// certain, for messages. Exact for every list in which ids ascend and every token is what its bytes
// encode to (docs/tokenizer-proofs.md, "When a list of merges equals tiktoken's rule").
std::string difference_from_merging_by_tokens(const BpeVocabulary& vocabulary);

}  // namespace stemma::bpe
