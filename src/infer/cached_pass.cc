#include "infer/cached_pass.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/host.h"

namespace stemma::infer {

CachedPass::CachedPass(const Model& model, const ops::Numerics& numerics, Stream& stream,
                       CacheOptions options, const nn::Adapters* adapters)
    : adapters_(adapters),
      forward_(model, numerics, stream, adapters),
      cache_(model.config(), numerics,
             {.slots = options.slots,
              .capacity = options.capacity + nn::most_virtual_tokens(adapters),
              .tokens = options.tokens},
             adapters) {}

CachedPass::CachedPass(const LoadedModel& model, const CacheOptions& options)
    : CachedPass(model.model(), model.numerics(), model.stream(), options, model.adapters()) {}

void CachedPass::run(std::span<const Part> parts, const Forward::Use& use) {
  batch_.ids.clear();
  batch_.positions.clear();
  batch_.offsets.clear();
  slots_.clear();
  rows_.clear();
  for (const Part& part : parts) {
    if (part.slot < 0 || part.slot >= cache_.slots())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cache] slot {} of {}", part.slot, cache_.slots()));
    append(batch_, part.ids, cache_.length(part.slot));
    slots_.push_back(part.slot);
  }
  batch_ = nn::with_virtual_tokens(std::move(batch_), adapters_);
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
