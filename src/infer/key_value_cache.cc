#include "infer/key_value_cache.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "device/slabs.h"

namespace stemma::infer {
namespace {

constexpr std::uint64_t kMostOnLargePages = std::uint64_t{1} << 30;  // bytes of all layers

}  // namespace

KeyValueCache::KeyValueCache(const ModelConfig& config, const ops::Numerics& numerics,
                             std::int64_t slots, std::int64_t capacity,
                             const nn::Adapters* adapters)
    : capacity_(capacity),
      slot_keys_((capacity + kernels::kKeyPanel - 1) / kernels::kKeyPanel * kernels::kKeyPanel),
      lengths_(static_cast<std::size_t>(slots), 0),
      adapters_(adapters) {
  if (!config.causal)
    throw Error(ErrorCode::unsupported,
                fmt::format("[cache] a {} model is bidirectional: what a token's keys and values "
                            "are depends on those that come later, so nothing can be kept; run "
                            "whole texts",
                            config.family));
  const Shape shape{slots * config.groups() * slot_keys_, config.head_size()};
  // On large pages, a token takes the page of each of its heads: where there is room for many more
  // tokens than may ever come, ordinary pages are used.
  const auto elements = static_cast<std::uint64_t>(2 * config.layers * shape.elements());
  Slabs slabs(elements * size_of(numerics.activations) <= kMostOnLargePages ? Slabs::Pages::large
                                                                            : Slabs::Pages::small);
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    layers_.push_back({Tensor::empty(shape, numerics.activations, slabs),
                       Tensor::empty(shape, numerics.activations, slabs), slot_keys_});
}

void KeyValueCache::prepare(const Batch& batch, std::span<const std::int64_t> slots) {
  if (static_cast<std::int64_t>(slots.size()) != batch.sequences())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[cache] {} slots for {} sequences", slots.size(), batch.sequences()));
  sequences_.clear();
  prefixes_ = nn::PrefixRows(adapters_);
  slots_.assign(slots.begin(), slots.end());
  for (std::size_t b = 0; b < slots.size(); ++b) {
    if (slots[b] < 0 || slots[b] >= static_cast<std::int64_t>(lengths_.size()))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] slot {} of {}", slots[b], lengths_.size()));
    const std::int64_t begin = batch.offsets[b], end = batch.offsets[b + 1];
    const std::int64_t first = length(slots[b]);
    const nn::PrefixRows::Range rows = prefixes_.add(batch, b, first == 0);
    const std::int64_t keys = first + rows.end - rows.begin, position = keys - (end - begin);
    if (keys > capacity_)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] {} tokens do not fit in a sequence of {}", keys, capacity_));
    if (begin < end && batch.positions[static_cast<std::size_t>(begin)] != position)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] slot {} goes on at position {}, the batch at {}", slots[b],
                              position, batch.positions[static_cast<std::size_t>(begin)]));
    sequences_.push_back({rows.begin, rows.end, keys, first, 0, slots[b] * slot_keys_});
  }
}

Tensor KeyValueCache::attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                             const ops::AttentionSpec& spec) {
  return prefixes_.around(ctx, layer, qkv, spec, [&](const Tensor& x) {
    return ops::cached_attention(ctx, x, layers_[static_cast<std::size_t>(layer)], spec,
                                 sequences_);
  });
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
  for (const ops::AttentionCache& layer : layers_)
    sum += 2 * static_cast<std::uint64_t>(layer.k.elements()) * size_of(layer.k.dtype());
  return sum;
}

}  // namespace stemma::infer
