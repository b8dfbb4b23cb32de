// Tells whether packed data were made with a given tokenizer, and how many bytes of text each of
// its ids stands for.
#pragma once

#include <cstdint>
#include <vector>

#include "text/tokenizer.h"

namespace stemma {

// A hash of the vocabulary, the special tokens and the encoding of a probe text: two tokenizers
// that agree in it give the same ids for the same text, for all that can be told without their
// files.
std::uint64_t tokenizer_fingerprint(const Tokenizer& tokenizer);

// How many bytes of text each id stands for; 0 for special tokens and ids without a token.
std::vector<std::uint32_t> token_byte_counts(const Tokenizer& tokenizer);

}  // namespace stemma
