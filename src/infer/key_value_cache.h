// Keys and values of the tokens seen so far, per layer and sequence.
//
//   KeyValueCache cache(config, numerics, 1, 1024);
//   cache.prepare(batch, slots);             // the next tokens of the sequences in `slots`
//   Tensor h = model.forward(ctx, batch, cache);
//   cache.advance();
//
// A prefill and later decode steps give the same bits as one pass over everything
// (kernels/attention.h). One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/config.h"
#include "nn/attention_state.h"
#include "nn/virtual_tokens.h"
#include "ops/context.h"
#include "tensor/batch.h"

namespace stemma::infer {

class KeyValueCache final : public nn::AttentionState {
 public:
  // Room for `slots` sequences of up to `capacity` tokens (in memory: rounded up to a multiple of
  // 32), in the activation type. Virtual tokens are tokens: where the passes have a prefix or a
  // prompt (`adapters`, which must outlive this), a slot begins with them.
  // Throws out_of_memory, unsupported for a model that is not causal.
  KeyValueCache(const ModelConfig& config, const ops::Numerics& numerics, std::int64_t slots,
                std::int64_t capacity, const nn::Adapters* adapters = nullptr);

  // Says which slot each sequence of the next pass continues. batch.positions must go on where the
  // slot ends; of one that begins, behind its prefix (nn::with_virtual_tokens). Throws
  // invalid_argument when they do not, or the slot has no room.
  void prepare(const Batch& batch, std::span<const std::int64_t> slots);
  Tensor attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                const ops::AttentionSpec& spec) override;
  // After the pass: the tokens of the batch now belong to their slots.
  void advance();

  std::int64_t slots() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t length(std::int64_t slot) const { return lengths_[static_cast<std::size_t>(slot)]; }
  // Forgets all but the first `length` tokens of a slot.
  void truncate(std::int64_t slot, std::int64_t length);
  std::uint64_t bytes() const;

 private:
  std::int64_t capacity_, slot_keys_;  // what a slot holds, and has room for
  std::vector<ops::AttentionCache> layers_;
  std::vector<std::int64_t> lengths_;
  std::vector<ops::AttentionSequence> sequences_;
  std::vector<std::int64_t> slots_;
  const nn::Adapters* adapters_;
  nn::PrefixRows prefixes_;  // of the sequences that begin
};

}  // namespace stemma::infer
