#include "infer/forward.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/elementwise.h"
#include "nn/virtual_tokens.h"
#include "ops/gather_rows.h"

namespace stemma::infer {
namespace {

// Passes with the same key take the same buffers.
std::uint64_t shape_key(const Batch& batch, std::size_t rows, std::uint64_t result) {
  std::uint64_t key = result;
  for (const auto size :
       {static_cast<std::uint64_t>(batch.tokens()), static_cast<std::uint64_t>(batch.sequences()),
        static_cast<std::uint64_t>(rows)})
    key = (key ^ size) * 0x9E3779B97F4A7C15ull + (key >> 29);
  return key;
}

std::vector<std::int32_t> rows_from(std::int64_t first, std::int64_t end) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(std::max<std::int64_t>(end - first, 0)));
  std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(first));
  return rows;
}

Tensor f32_copy(Stream& stream, const Tensor& x) {
  const Tensor y = Tensor::empty({x.rows(), x.cols()}, DType::f32);
  kernels::convert(stream, x, y);
  return y;
}

}  // namespace

void append(Batch& batch, std::span<const std::int32_t> ids, std::int64_t first) {
  if (batch.offsets.empty()) batch.offsets.push_back(0);
  batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
  for (std::size_t i = 0; i < ids.size(); ++i)
    batch.positions.push_back(static_cast<std::int32_t>(first + static_cast<std::int64_t>(i)));
  batch.offsets.push_back(batch.tokens());
}

void check_ids(const ModelConfig& config, std::span<const std::int32_t> ids, const char* place) {
  for (const std::int32_t id : ids)
    if (id < 0 || id >= config.vocab)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[{}] id {} is outside the vocabulary of {}", place, id, config.vocab));
}

Forward::Forward(const Model& model, const ops::Numerics& numerics, Stream& stream,
                 const nn::Adapters* adapters)
    : model_(model), adapters_(adapters), ctx_(stream, numerics, arena_) {}

Forward::Forward(const LoadedModel& model)
    : Forward(model.model(), model.numerics(), model.stream(), model.adapters()) {}

void Forward::run(const Batch& batch, nn::AttentionState& state, std::span<const std::int32_t> rows,
                  Result result, const Use& use) {
  if (result != Result::states && !model_.has_token_head())
    throw Error(ErrorCode::unsupported,
                "[forward] the model has no token head: it gives states, not scores of tokens");
  const ops::Arena::Step memory(arena_,
                                shape_key(batch, rows.size(), static_cast<std::uint64_t>(result)));
  // Of a part of a prompt nothing is read: one row stands for all.
  const std::int32_t first_row = 0;
  const auto wanted = rows.empty() ? std::span(&first_row, 1) : rows;
  std::optional<nn::ReadRows> read;
  if (std::ssize(wanted) < batch.tokens() &&
      std::adjacent_find(wanted.begin(), wanted.end(), std::greater_equal<>()) == wanted.end())
    read = nn::read_rows(batch, {wanted.begin(), wanted.end()});
  Tensor h = model_.forward({ctx_, batch, state, adapters_, {}, read ? &*read : nullptr});
  if (rows.empty()) return;
  if (static_cast<std::int64_t>(rows.size()) != h.rows()) h = ops::gather_rows(ctx_, h, rows);
  use(result == Result::logits ? model_.head().logits(ctx_, h) : h);
}

void Forward::logits(const Batch& batch, nn::AttentionState& state,
                     std::span<const std::int32_t> rows, const Use& use) {
  run(batch, state, rows, Result::logits, use);
}

void Forward::run_whole(const Batch& tokens, std::span<const std::int32_t> rows, Result result,
                        const Use& use) {
  check_ids(model_.config(), tokens.ids, "forward");
  const Batch batch = nn::with_virtual_tokens(tokens, adapters_);
  nn::PrefixAttention attention(batch, adapters_);
  const std::vector<std::int32_t> own = nn::token_rows(batch);
  std::vector<std::int32_t> moved;
  for (const std::int32_t row : rows) moved.push_back(own[static_cast<std::size_t>(row)]);
  run(batch, attention, moved, result, use);
}

void Forward::states(const Batch& batch, std::span<const std::int32_t> rows, const Use& use) {
  run_whole(batch, rows, Result::states, use);
}

std::vector<double> Forward::token_losses(const Batch& batch, std::span<const std::int32_t> rows,
                                          std::span<const std::int32_t> targets) {
  std::vector<double> losses;
  run_whole(batch, rows, Result::losses,
            [&](const Tensor& h) { losses = model_.head().token_losses(ctx_, h, targets); });
  return losses;
}

std::int64_t Forward::most_tokens() const {
  return model_.config().context - nn::most_virtual_tokens(adapters_);
}

Batch Forward::sequence(std::span<const std::int32_t> ids) const {
  if (ids.empty() || static_cast<std::int64_t>(ids.size()) > most_tokens())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[forward] a sequence must hold 1 to {} ids (the model's context), got {}",
                    most_tokens(), ids.size()));
  Batch batch;
  append(batch, ids);
  return batch;
}

Tensor Forward::states(const Batch& batch) {
  Tensor result;
  states(batch, rows_from(0, batch.tokens()),
         [&](const Tensor& h) { result = f32_copy(stream(), h); });
  return result;
}

Tensor Forward::states(std::span<const std::int32_t> ids) { return states(sequence(ids)); }

Tensor Forward::logits(std::span<const std::int32_t> ids) {
  const Batch batch = sequence(ids);
  Tensor result;
  run_whole(batch, rows_from(0, batch.tokens()), Result::logits,
            [&](const Tensor& x) { result = f32_copy(stream(), x); });
  return result;
}

std::vector<double> Forward::token_losses(std::span<const std::int32_t> ids, std::int64_t first,
                                          std::span<const std::int32_t> targets) {
  const Batch batch = sequence(ids);
  return token_losses(batch, rows_from(first, batch.tokens()), targets);
}

}  // namespace stemma::infer
