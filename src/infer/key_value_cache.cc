#include "infer/key_value_cache.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/elementwise.h"

namespace stemma::infer {

KeyValueCache::KeyValueCache(const ModelConfig& config, const ops::Numerics& numerics,
                             std::int64_t slots, std::int64_t capacity)
    : capacity_(capacity),
      width_(config.groups() * config.head_size()),
      lengths_(static_cast<std::size_t>(slots), 0) {
  if (!config.causal)
    throw Error(ErrorCode::unsupported,
                fmt::format("[cache] a {} model is bidirectional: what a token's keys and values "
                            "are depends on those that come later, so nothing can be kept; run "
                            "whole texts",
                            config.family));
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    keys_.push_back(Tensor::empty({slots * capacity, width_}, numerics.activations));
    values_.push_back(Tensor::empty({slots * capacity, width_}, numerics.activations));
  }
}

void KeyValueCache::prepare(const Batch& batch, std::span<const std::int64_t> slots) {
  if (static_cast<std::int64_t>(slots.size()) != batch.sequences())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[cache] {} slots for {} sequences", slots.size(), batch.sequences()));
  sequences_.clear();
  slots_.assign(slots.begin(), slots.end());
  for (std::size_t b = 0; b < slots.size(); ++b) {
    if (slots[b] < 0 || slots[b] >= static_cast<std::int64_t>(lengths_.size()))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] slot {} of {}", slots[b], lengths_.size()));
    const std::int64_t begin = batch.offsets[b], end = batch.offsets[b + 1];
    const std::int64_t first = length(slots[b]), keys = first + end - begin;
    if (keys > capacity_)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] {} tokens do not fit in a sequence of {}", keys, capacity_));
    if (begin < end && batch.positions[static_cast<std::size_t>(begin)] != first)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] slot {} goes on at position {}, the batch at {}", slots[b],
                              first, batch.positions[static_cast<std::size_t>(begin)]));
    sequences_.push_back({begin, end, keys, first, 0, slots[b] * capacity_});
  }
}

void KeyValueCache::store(ops::Context& ctx, const Tensor& rows, const Tensor& cache) const {
  for (const ops::AttentionSequence& s : sequences_)
    kernels::convert(ctx.stream(), rows.slice_rows(s.query_begin, s.query_end),
                     cache.slice_rows(s.key_begin + s.first_position, s.key_begin + s.keys));
}

Tensor KeyValueCache::attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                             const ops::AttentionSpec& spec) {
  const auto l = static_cast<std::size_t>(layer);
  const std::int64_t queries = spec.heads * spec.head_size;
  store(ctx, qkv.columns(queries, queries + width_), keys_[l]);
  store(ctx, qkv.columns(queries + width_, queries + 2 * width_), values_[l]);
  return ops::cached_attention(ctx, qkv.columns(0, queries), keys_[l], values_[l], spec,
                               sequences_);
}

void KeyValueCache::advance() {
  for (std::size_t b = 0; b < slots_.size(); ++b)
    lengths_[static_cast<std::size_t>(slots_[b])] = sequences_[b].keys;
}

void KeyValueCache::truncate(std::int64_t slot, std::int64_t length) {
  auto& current = lengths_[static_cast<std::size_t>(slot)];
  current = std::min(current, length);
}

std::uint64_t KeyValueCache::bytes() const {
  std::uint64_t sum = 0;
  for (const auto* group : {&keys_, &values_})
    for (const Tensor& t : *group)
      sum += static_cast<std::uint64_t>(t.elements()) * size_of(t.dtype());
  return sum;
}

}  // namespace stemma::infer
