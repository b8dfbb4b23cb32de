#include "infer/key_value_cache.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::infer {
namespace {

using kernels::AttentionPattern;

const ModelConfig& checked(const ModelConfig& config) {
  if (!config.causal)
    throw Error(ErrorCode::unsupported,
                fmt::format("[cache] a {} model is bidirectional: what a token's keys and values "
                            "are depends on those that come later, so nothing can be kept; run "
                            "whole texts",
                            config.family));
  return config;
}

bool reads_far_apart(const ModelConfig& config) {
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const AttentionPattern::Kind kind = config.pattern(layer).kind;
    if (kind == AttentionPattern::Kind::dilated || kind == AttentionPattern::Kind::strided)
      return true;
  }
  return false;
}

// A page is a chunk of keys. A shorter sequence has a page of its size, and so has one of a pattern
// whose keys must lie in a single page.
std::int64_t page_keys_for(const ModelConfig& config, std::int64_t capacity) {
  if (capacity > kernels::kKeyChunk && !reads_far_apart(config)) return kernels::kKeyChunk;
  return (capacity + kernels::kKeyPanel - 1) / kernels::kKeyPanel * kernels::kKeyPanel;
}

std::int64_t page_count(const CacheOptions& options, std::int64_t page_keys) {
  const auto pages = [&](std::int64_t tokens) { return (tokens + page_keys - 1) / page_keys; };
  if (options.tokens == 0) return options.slots * pages(options.capacity);
  return pages(std::max(options.tokens, options.capacity));
}

}  // namespace

KeyValueCache::KeyValueCache(const ModelConfig& config, const ops::Numerics& numerics,
                             const CacheOptions& options, const nn::Adapters* adapters)
    : capacity_(options.capacity),
      pool_(checked(config), numerics, page_count(options, page_keys_for(config, options.capacity)),
            page_keys_for(config, options.capacity)),
      slots_(static_cast<std::size_t>(options.slots)),
      adapters_(adapters) {}

void KeyValueCache::begin(std::int64_t slot, std::span<const std::int32_t> pages,
                          std::int64_t tokens) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  truncate(slot, 0);
  for (const std::int32_t page : pages) pool_.share(page);
  s.pages.assign(pages.begin(), pages.end());
  s.length = tokens;
}

bool KeyValueCache::reserve(Stream& stream, std::int64_t slot, std::int64_t tokens) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  const std::int64_t keys = pool_.page_keys(), held = std::ssize(s.pages);
  // A page that is written to has no other holder: copy on write.
  const std::int64_t inside = s.length % keys;
  const auto last = static_cast<std::size_t>(s.length / keys);
  const bool copies = inside > 0 && tokens > s.length && pool_.holders(s.pages[last]) > 1;
  const std::int64_t missing = std::max<std::int64_t>(pool_.pages_for(tokens) - held, 0);
  if (missing + (copies ? 1 : 0) > pool_.free_pages()) return false;
  if (copies) {
    const std::int32_t own = pool_.take().value();
    pool_.copy(stream, s.pages[last], own, inside);
    pool_.release(s.pages[last]);
    s.pages[last] = own;
  }
  for (std::int64_t i = 0; i < missing; ++i) s.pages.push_back(pool_.take().value());
  return true;
}

void KeyValueCache::prepare(Stream& stream, const Batch& batch,
                            std::span<const std::int64_t> slots) {
  if (std::ssize(slots) != batch.sequences())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[cache] {} slots for {} sequences", slots.size(), batch.sequences()));
  sequences_.clear();
  prefixes_ = nn::PrefixRows(adapters_);
  prepared_.assign(slots.begin(), slots.end());
  for (std::size_t b = 0; b < slots.size(); ++b) {
    if (slots[b] < 0 || slots[b] >= this->slots())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] slot {} of {}", slots[b], this->slots()));
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
    if (!reserve(stream, slots[b], keys))
      throw Error(ErrorCode::out_of_memory,
                  fmt::format("[cache] all {} pages of {} tokens are in use", pool_.pages(),
                              pool_.page_keys()));
    sequences_.push_back({rows.begin, rows.end, keys, first, 0, 0, pages(slots[b])});
  }
}

Tensor KeyValueCache::attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                             const ops::AttentionSpec& spec) {
  return prefixes_.around(ctx, layer, qkv, spec, [&](const Tensor& x) {
    return ops::cached_attention(ctx, x, pool_.layer(layer), spec, sequences_);
  });
}

void KeyValueCache::advance() {
  for (std::size_t b = 0; b < prepared_.size(); ++b)
    slots_[static_cast<std::size_t>(prepared_[b])].length = sequences_[b].keys;
}

void KeyValueCache::truncate(std::int64_t slot, std::int64_t length) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  s.length = std::min(s.length, length);
  for (const auto kept = static_cast<std::size_t>(pool_.pages_for(s.length)); s.pages.size() > kept;
       s.pages.pop_back())
    pool_.release(s.pages.back());
}

}  // namespace stemma::infer
