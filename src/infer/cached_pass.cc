#include "infer/cached_pass.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/host.h"

namespace stemma::infer {

CachedPass::CachedPass(const Model& model, const ops::Numerics& numerics, Stream& stream,
                       CacheOptions options, const nn::Adapters* adapters)
    : own_(adapters && !adapters->list.empty() ? adapters->list.front() : nullptr),
      forward_(model, numerics, stream, &adapters_),
      cache_(model.config(), numerics,
             {.slots = options.slots,
              .capacity = options.capacity + virtual_tokens(),
              .tokens = options.tokens},
             &adapters_) {}

CachedPass::CachedPass(const LoadedModel& model, const CacheOptions& options)
    : CachedPass(model.model(), model.numerics(), model.stream(), options, model.adapters()) {}

void CachedPass::run(std::span<const Part> parts, const Forward::Use& use) {
  batch_.ids.clear();
  batch_.positions.clear();
  batch_.offsets.clear();
  batch_.adapters.clear();
  adapters_.list.clear();
  slots_.clear();
  rows_.clear();
  for (const Part& part : parts) {
    if (part.slot < 0 || part.slot >= cache_.slots())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] slot {} of {}", part.slot, cache_.slots()));
    append(batch_, part.ids, cache_.length(part.slot));
    adapt(batch_, part.adapter);
    slots_.push_back(part.slot);
  }
  batch_ = nn::with_virtual_tokens(std::move(batch_), &adapters_);
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (std::int64_t row = batch_.offsets[i + 1] - parts[i].logits; row < batch_.offsets[i + 1];
         ++row)
      rows_.push_back(static_cast<std::int32_t>(row));
  cache_.prepare(forward_.stream(), batch_, slots_);
  if (rows_.empty()) {
    forward_.logits(batch_, cache_, rows_, {});
    cache_.advance();
    return;
  }
  forward_.logits(batch_, cache_, rows_, [&](const Tensor& logits) {
    cache_.advance();
    use(logits);
  });
}

std::vector<double> CachedPass::token_losses(Batch batch,
                                             std::span<const nn::Adapter* const> adapters,
                                             std::span<const std::int32_t> rows,
                                             std::span<const std::int32_t> targets) {
  adapters_.list.clear();
  for (const nn::Adapter* adapter : adapters) adapt(batch, adapter);
  return forward_.token_losses(batch, rows, targets);
}

// Gives the next sequence of the batch its adapter.
void CachedPass::adapt(Batch& batch, const nn::Adapter* adapter) {
  if (!adapter) adapter = own_;
  std::vector<const nn::Adapter*>& list = adapters_.list;
  if (adapter && std::ranges::count(list, adapter) == 0) list.push_back(adapter);
  batch.adapters.push_back(
      adapter ? static_cast<std::int32_t>(std::ranges::find(list, adapter) - list.begin()) : -1);
}

std::int64_t CachedPass::virtual_tokens(const nn::Adapter* adapter) const {
  if (!adapter) adapter = own_;
  return adapter ? adapter->spec().virtual_tokens : 0;
}

std::int64_t CachedPass::most_tokens(const nn::Adapter* adapter) const {
  return forward_.model().config().context - virtual_tokens(adapter);
}

std::int64_t CachedPass::slot_tokens(const nn::Adapter* adapter) const {
  return cache_.capacity() - virtual_tokens(adapter);
}

void CachedPass::truncate(std::int64_t slot, std::int64_t tokens) {
  cache_.truncate(slot, tokens > 0 ? tokens + virtual_tokens() : 0);
}

void choose_rows(Stream& stream, const Tensor& logits, std::vector<float>& buffer,
                 const std::function<void(std::size_t, std::span<const float>)>& choose) {
  const auto vocab = static_cast<std::size_t>(logits.cols());
  const std::span<const float> all = kernels::on_host(stream, logits, buffer);
  stream.workers().for_each(logits.rows(), 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      choose(i, all.subspan(i * vocab, vocab));
  });
}

}  // namespace stemma::infer
