#include "infer/hidden_states.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/forward.h"

namespace stemma::infer {
namespace {

// Tokens of the texts that go through the model together.
constexpr std::int64_t kTokensAtOnce = 4096;

Tensor hidden_states(Forward& forward, const Batch& batch) {
  const std::int64_t context = forward.most_tokens();
  for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b)
    if (const std::int64_t length = batch.offsets[b + 1] - batch.offsets[b];
        length < 1 || length > context)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[hidden] a sequence must hold 1 to {} ids (the model's context), "
                              "got {}",
                              context, length));
  return forward.states(batch);
}

}  // namespace

Batch batch_of_ids(std::vector<std::int32_t> ids, std::vector<std::int32_t> segments) {
  Batch batch;
  append(batch, ids);
  batch.segments = std::move(segments);
  return batch;
}

Tensor hidden_states(const LoadedModel& model, const Batch& batch) {
  const ModelConfig& config = model.config();
  if (!batch.segments.empty() && config.segments == 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[hidden] a {} model has no segments: give its ids without them",
                            config.family));
  for (const std::int32_t segment : batch.segments)
    if (segment < 0 || segment >= config.segments)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[hidden] the model has the segments 0 to {}, got {}",
                              config.segments - 1, segment));
  Forward forward(model);
  return hidden_states(forward, batch);
}

TextEmbedder::TextEmbedder(const LoadedModel& model, const Pooling& pooling)
    : model_(model), pooling_(pooling) {
  model.tokenizer();  // or its error
}

std::vector<TextVector> TextEmbedder::embed(std::span<const std::string> texts) const {
  std::vector<std::vector<std::int32_t>> all(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) model_.tokenizer().encode(texts[i], all[i]);
  return embed_ids(std::move(all));
}

std::vector<TextVector> TextEmbedder::embed_ids(
    std::vector<std::vector<std::int32_t>> texts) const {
  std::vector<TextVector> vectors(texts.size());
  Forward forward(model_);
  Batch batch;
  std::size_t first = 0;  // of the texts in the batch
  const auto run = [&](std::size_t end) {
    if (first == end) return;
    const Tensor states = hidden_states(forward, batch);
    for (std::size_t i = first; i < end; ++i)
      pool(states.slice_rows(batch.offsets[i - first], batch.offsets[i - first + 1]), vectors[i]);
    first = end;
    batch = {};
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<std::int32_t> ids = framed(std::move(texts[i]), vectors[i]);
    if (ids.empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[embed] text {} has no tokens: give one with words", i + 1));
    if (batch.tokens() + static_cast<std::int64_t>(ids.size()) > kTokensAtOnce) run(i);
    append(batch, ids);
  }
  run(texts.size());
  return vectors;
}

std::int64_t TextEmbedder::most_tokens() const {
  const std::int64_t around = std::ssize(model_.tokenizer().frame({}).ids);
  return std::max<std::int64_t>(std::min(pooling_.max_tokens, model_.most_tokens()) - around, 0);
}

std::vector<std::int32_t> TextEmbedder::framed(std::vector<std::int32_t> ids,
                                               TextVector& vector) const {
  const Tokenizer& tokenizer = model_.tokenizer();
  // What stands around a text keeps its place: the text is cut.
  const std::int64_t room = most_tokens();
  const auto all = static_cast<std::int64_t>(ids.size());
  vector.cut_tokens = std::max<std::int64_t>(all - room, 0);
  ids.resize(static_cast<std::size_t>(all - vector.cut_tokens));
  ids = tokenizer.frame(ids).ids;
  vector.tokens = static_cast<std::int64_t>(ids.size());
  return ids;
}

void TextEmbedder::pool(const Tensor& states, TextVector& vector) const {
  const std::int64_t rows = pooling_.kind == Pooling::Kind::cls ? 1 : states.rows();
  std::vector<double> sums(static_cast<std::size_t>(states.cols()));
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = states.data<float>() + r * states.row_stride();
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const auto value = static_cast<double>(row[c]);
      if (pooling_.kind != Pooling::Kind::max)
        sums[c] += value / static_cast<double>(rows);
      else
        sums[c] = r == 0 ? value : std::max(sums[c], value);
    }
  }
  double squares = 0;
  for (const double x : sums) squares += x * x;
  // As torch.nn.functional.normalize: a vector of zeros stays what it is.
  const double length = pooling_.normalize ? std::max(std::sqrt(squares), 1e-12) : 1.0;
  vector.values.clear();
  for (const double x : sums) vector.values.push_back(static_cast<float>(x / length));
}

}  // namespace stemma::infer
