// Training batches for a masked language model with next-sentence pairs (Devlin et al. 2018, 3.1
// and A.1), from a split of packed data.
//
//   MaskedSampler sampler(data.train(), {.sequence_length = 128, .seed = 1,
//                                        .specials = mask_specials(*tokenizer)});
//   const auto size = sampler.size_of(step * 32, 32);  // of the whole step, known before it
//   sampler.fill(step * 32, 4, 0, batch);              // its first 4 sequences
//
// A sequence is [CLS] A [SEP] B [SEP], segment 0 up to the first [SEP] and 1 behind it. A document
// of packed data is cut into stretches of T - 3 tokens (the last one is shorter; one of a single
// token is left out), and sequence number i comes from stretch permuted(i mod n, n, seed, epoch) of
// epoch i / n, n = stretches(): each once an epoch, in another order each time. Then
//
//   - in one of ten sequences only a random part of the stretch is taken, of 2 tokens at least (the
//     paper's shorter sequences); its other tokens are not read in that epoch;
//   - a random place cuts it into A and what follows. Packed data do not know sentences, so any
//     place may be one;
//   - label 0 (every other one, at random): B is what follows; label 1: B is as many tokens from a
//     random place of a random other document, or fewer where that is shorter;
//   - 15 % of the sequence's tokens, at least one, are chosen as targets: of those 80 % become
//     [MASK], 10 % a random token, 10 % stay. Special tokens are never chosen and never drawn.
//
// There is no padding: sequences are as long as they are. Sampling is a pure function of (split,
// options, sequence number), drawn with Philox: the state of a run is the number of its next
// sequence, and a step may be cut anywhere. Immutable; may be used by several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/split.h"
#include "tensor/batch.h"
#include "text/tokenizer.h"

namespace stemma {

// The tokens that are not text.
struct MaskSpecials {
  std::int32_t cls = -1, sep = -1, mask = -1;
  std::vector<std::int32_t> all;  // ascending, these three and any others
};
// By the names [CLS], [SEP] and [MASK]. Throws unsupported, naming those that are missing.
MaskSpecials mask_specials(const Tokenizer& tokenizer);

struct MaskedSamplerOptions {
  std::int64_t sequence_length = 0;  // T, the most tokens of a sequence, special ones included
  std::uint64_t seed = 0;
  MaskSpecials specials;
};

class MaskedSampler {
 public:
  // Throws invalid_argument (options: T from 5 on, special ids that do not fit the vocabulary),
  // corrupt (fewer than two documents, or none of two tokens).
  MaskedSampler(std::shared_ptr<const Split> split, MaskedSamplerOptions options);

  std::int64_t stretches() const { return stretch_begins_.back(); }  // per epoch
  const MaskedSamplerOptions& options() const { return options_; }

  // Replaces `batch` by sequences first, first + 1, ... first + count - 1. `first_number` is the
  // number of the first one in its training step, for Batch.numbers. Throws invalid_argument
  // (negative arguments), corrupt (damaged shard).
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number, Batch& batch) const;

  struct Size {
    std::int64_t tokens = 0, targets = 0;
  };
  Size size_of(std::int64_t first, std::int64_t count) const;

 private:
  // Tokens of one document.
  struct Piece {
    std::int64_t document = 0, begin = 0, length = 0;  // begin: counted from its first token
  };
  struct Pair {
    Piece a, b;
    bool follows = true;
  };
  Pair pair_of(std::int64_t sequence) const;
  Piece elsewhere(std::int64_t document, std::int64_t length, std::int64_t sequence) const;
  std::vector<std::int32_t> ids_of(const Pair& pair) const;
  std::vector<std::int64_t> candidates(const std::vector<std::int32_t>& ids) const;
  void mask(std::int64_t sequence, std::vector<std::int32_t>& ids,
            std::vector<std::int32_t>& targets) const;
  std::int64_t document_tokens(std::int64_t document) const;
  bool is_special(std::int32_t id) const;
  std::int32_t ordinary(std::uint32_t random) const;

  std::shared_ptr<const Split> split_;
  MaskedSamplerOptions options_;
  std::vector<std::int64_t> stretch_begins_{0};  // stretches before each document, and all
};

}  // namespace stemma
