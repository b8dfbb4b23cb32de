// The two rules of merging compared: a list of merges, and tiktoken's, which merges whatever joins
// to a token (BpeVocabulary::by_tokens).
//
//   difference_from_merging_by_tokens(published_tokenizer("gpt2")->vocabulary());   // "": none
//
// Pure; builds the tables of an encoder. Throws nothing but for want of memory.
#pragma once

#include <string>

#include "text/bpe/bpe_vocabulary.h"

namespace stemma::bpe {

// Empty where every text has the same ids under both rules; otherwise why that is not certain, for
// messages. Exact for every list in which ids ascend and tokens are what their bytes encode to
// (docs/decisions.md has the proof).
std::string difference_from_merging_by_tokens(const BpeVocabulary& vocabulary);

}  // namespace stemma::bpe
