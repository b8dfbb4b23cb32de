// One step of many sequences that are in a key-value cache: prompts and single tokens in one packed
// pass, the logits after each. The engine and `bench` run on this.
//
//   CachedPass pass(model, 8, 1024);
//   const CachedPass::Part parts[] = {{0, prompt}, {3, last_token_of_3}};
//   pass.run(parts, [&](const Tensor& logits) { ... });               // [2, V]
//
// What a sequence gets does not depend on the others, bit for bit. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "infer/forward.h"
#include "infer/key_value_cache.h"

namespace stemma::infer {

class CachedPass {
 public:
  // The next tokens of the sequence in `slot`; at least one.
  struct Part {
    std::int64_t slot = 0;
    std::span<const std::int32_t> ids;
    std::int64_t logits =
        1;  // after how many of these tokens, the last ones; 0: into the cache only
    // The same one in all parts of a sequence; null: the pass's own, or none.
    const nn::Adapter* adapter = nullptr;
  };

  // A cache of sequences of up to `capacity` tokens, beside the virtual ones of adapters. What is
  // given must outlive this. `adapters`: the first of them is the pass's own. Throws out_of_memory.
  CachedPass(const Model& model, const ops::Numerics& numerics, Stream& stream,
             CacheOptions options, const nn::Adapters* adapters = nullptr);
  CachedPass(const LoadedModel& model, const CacheOptions& options);

  // `use` gets the rows of logits in the order of the tokens; it is not called where none is
  // wanted. When this throws, the cache is as before (unless `use` threw). Throws as
  // KeyValueCache::prepare and Model::forward.
  void run(std::span<const Part> parts, const Forward::Use& use);

  // Of whole texts, without the cache: Forward::token_losses, with the adapter of each sequence.
  std::vector<double> token_losses(Batch batch, std::span<const nn::Adapter* const> adapters,
                                   std::span<const std::int32_t> rows,
                                   std::span<const std::int32_t> targets);

  // Forgets all but the first `tokens` tokens of a slot whose sequence has the pass's own adapter;
  // of 0, its virtual ones too.
  void truncate(std::int64_t slot, std::int64_t tokens);
  std::int64_t slots() const { return cache_.slots(); }
  // Its lengths count virtual tokens too: P of them stand before the others.
  KeyValueCache& cache() { return cache_; }
  const KeyValueCache& cache() const { return cache_; }
  // Of an adapter; null: of the pass's own.
  std::int64_t virtual_tokens(const nn::Adapter* adapter = nullptr) const;
  // Tokens that a sequence may have by the model's context, and in a slot of the cache, beside the
  // virtual ones of its adapter.
  std::int64_t most_tokens(const nn::Adapter* adapter = nullptr) const;
  std::int64_t slot_tokens(const nn::Adapter* adapter = nullptr) const;
  Forward& forward() { return forward_; }
  const Forward& forward() const { return forward_; }

 private:
  void adapt(Batch& batch, const nn::Adapter* adapter);

  const nn::Adapter* own_;  // may be null
  nn::Adapters adapters_;   // of the pass under way
  Forward forward_;
  KeyValueCache cache_;
  Batch batch_;
  std::vector<std::int64_t> slots_;
  std::vector<std::int32_t> rows_;
};

// Brings logits [M, V] to the host (into `buffer` where they must be copied) and calls choose(i,
// row i) once for each row, on the stream's workers.
void choose_rows(Stream& stream, const Tensor& logits, std::vector<float>& buffer,
                 const std::function<void(std::size_t, std::span<const float>)>& choose);

}  // namespace stemma::infer
