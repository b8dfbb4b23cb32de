#include "infer/page_pool.h"

#include <algorithm>

#include "device/slabs.h"
#include "kernels/elementwise.h"

namespace stemma::infer {
namespace {

constexpr std::uint64_t kMostOnLargePages = std::uint64_t{1} << 30;  // bytes of all layers

}  // namespace

PagePool::PagePool(const ModelConfig& config, const ops::Numerics& numerics, std::int64_t pages,
                   std::int64_t page_keys)
    : page_keys_(page_keys), heads_(config.groups()), holders_(static_cast<std::size_t>(pages), 0) {
  const Shape shape{pages * heads_ * page_keys, config.head_size()};
  // On large pages of the system a token takes the page of each of its heads: where there is room
  // for many more tokens than may ever come, ordinary ones are used.
  const std::uint64_t bytes =
      static_cast<std::uint64_t>(pages * page_keys) * token_bytes(config, numerics);
  Slabs slabs(bytes <= kMostOnLargePages ? Slabs::Pages::large : Slabs::Pages::small);
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    layers_.push_back({Tensor::empty(shape, numerics.cache, slabs),
                       Tensor::empty(shape, numerics.cache, slabs), page_keys});
  for (auto page = static_cast<std::int32_t>(pages); page-- > 0;) free_.push_back(page);
}

std::uint64_t PagePool::token_bytes(const ModelConfig& config, const ops::Numerics& numerics) {
  return static_cast<std::uint64_t>(2 * config.layers * config.groups() * config.head_size()) *
         size_of(numerics.cache);
}

std::uint64_t PagePool::bytes() const {
  std::uint64_t sum = 0;
  for (const ops::AttentionCache& layer : layers_)
    sum += 2 * static_cast<std::uint64_t>(layer.k.elements()) * size_of(layer.k.dtype());
  return sum;
}

std::optional<std::int32_t> PagePool::take() {
  if (free_.empty()) return std::nullopt;
  const std::int32_t page = free_.back();
  free_.pop_back();
  holders_[static_cast<std::size_t>(page)] = 1;
  return page;
}

void PagePool::share(std::int32_t page) { ++holders_[static_cast<std::size_t>(page)]; }

void PagePool::release(std::int32_t page) {
  if (--holders_[static_cast<std::size_t>(page)] == 0) free_.push_back(page);
}

void PagePool::copy(Stream& stream, std::int32_t from, std::int32_t to, std::int64_t keys) const {
  // Keys may lie in panels, of which the last is copied whole.
  const std::int64_t rows = std::min(
      (keys + kernels::kKeyPanel - 1) / kernels::kKeyPanel * kernels::kKeyPanel, page_keys_);
  for (const ops::AttentionCache& layer : layers_)
    for (const Tensor* t : {&layer.k, &layer.v})
      for (std::int64_t head = 0; head < heads_; ++head) {
        const std::int64_t source = (from * heads_ + head) * page_keys_;
        const std::int64_t target = (to * heads_ + head) * page_keys_;
        kernels::convert(stream, t->slice_rows(source, source + rows),
                         t->slice_rows(target, target + rows));
      }
}

}  // namespace stemma::infer
