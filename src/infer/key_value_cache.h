// Keys and values of the tokens seen so far, per layer and sequence, in pages (page_pool.h).
//
//   KeyValueCache cache(config, numerics, {.slots = 1, .capacity = 1024});
//   cache.prepare(stream, batch, slots);     // the next tokens of the sequences in `slots`
//   Tensor h = model.forward(ctx, batch, cache);
//   cache.advance();
//
// A prefill and later decode steps give the same bits as one pass over everything
// (kernels/attention.h), also where a sequence begins with pages that another one has written.
// One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "infer/page_pool.h"
#include "models/config.h"
#include "nn/attention_state.h"
#include "nn/virtual_tokens.h"
#include "ops/context.h"
#include "tensor/batch.h"

namespace stemma::infer {

struct CacheOptions {
  std::int64_t slots = 1;     // sequences at once
  std::int64_t capacity = 0;  // tokens of a sequence, virtual ones among them
  // Of all sequences together, rounded up to pages; 0: all slots can be full. At least the capacity
  // of one is taken.
  std::int64_t tokens = 0;
};

class KeyValueCache final : public nn::AttentionState {
 public:
  // Virtual tokens are tokens: where the passes have a prefix or a prompt (`adapters`, which must
  // outlive this), a slot begins with them. Memory is touched when a page is first used.
  // Throws out_of_memory, unsupported for a model that is not causal.
  KeyValueCache(const ModelConfig& config, const ops::Numerics& numerics,
                const CacheOptions& options, const nn::Adapters* adapters = nullptr);

  // An empty slot begins with the first `tokens` tokens of these pages, which it shares with their
  // other holders.
  void begin(std::int64_t slot, std::span<const std::int32_t> pages, std::int64_t tokens);
  // Takes pages so that the slot has room for `tokens` tokens in all, of which those behind its
  // length may be written. False where the pool has too few: then nothing is taken.
  bool reserve(Stream& stream, std::int64_t slot, std::int64_t tokens);

  // Says which slot each sequence of the next pass continues, and reserves their pages.
  // batch.positions must go on where the slot ends; of one that begins, behind its prefix
  // (nn::with_virtual_tokens). Throws invalid_argument when they do not, or the slot has no room;
  // out_of_memory where there are not enough pages.
  void prepare(Stream& stream, const Batch& batch, std::span<const std::int64_t> slots);
  Tensor attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                const ops::AttentionSpec& spec) override;
  // After the pass: the tokens of the batch now belong to their slots.
  void advance();

  std::int64_t slots() const { return std::ssize(slots_); }
  std::int64_t length(std::int64_t slot) const { return at(slot).length; }
  std::int64_t capacity() const { return capacity_; }
  // Forgets all but the first `length` tokens of a slot, and gives back the pages behind them.
  void truncate(std::int64_t slot, std::int64_t length);
  // Those that hold the tokens of a slot, and perhaps some more.
  std::span<const std::int32_t> pages(std::int64_t slot) const { return at(slot).pages; }
  PagePool& pool() { return pool_; }
  const PagePool& pool() const { return pool_; }

 private:
  struct Slot {
    std::vector<std::int32_t> pages;
    std::int64_t length = 0;
  };
  const Slot& at(std::int64_t slot) const { return slots_[static_cast<std::size_t>(slot)]; }

  std::int64_t capacity_;
  PagePool pool_;
  std::vector<Slot> slots_;
  std::vector<ops::AttentionSequence> sequences_;
  std::vector<std::int64_t> prepared_;  // the slots of the batch
  const nn::Adapters* adapters_;
  nn::PrefixRows prefixes_;  // of the sequences that begin
};

}  // namespace stemma::infer
