#include "models/cost.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "device/memory.h"
#include "models/model.h"

namespace stemma {

namespace {

// Of what stands behind the blocks: heads and BERT's pooler.
bool is_of_a_head(std::string_view name) {
  return name.starts_with("head.") || name.starts_with("pooler.") ||
         name.starts_with("pair_head.") || name.starts_with("class_head.") ||
         name.starts_with("tag_head.");
}

// Keys before its own that a query at position i sees, summed over the positions [0, n).
double keys_before(const kernels::AttentionPattern& pattern, std::int64_t n) {
  using Kind = kernels::AttentionPattern::Kind;
  const auto upto = [](double i) { return i * (i + 1) / 2; };  // 0 + 1 + ... + i
  const double last = static_cast<double>(n - 1);
  const double most = static_cast<double>(std::min(pattern.k, n) - 1);  // in a window
  const double window = upto(most) + (last - most) * most;
  const std::int64_t whole = n / pattern.k;
  const auto stripes = static_cast<double>(whole), step = static_cast<double>(pattern.k);
  const double apart = step * upto(stripes - 1) + static_cast<double>(n % pattern.k) * stripes;
  switch (pattern.kind) {
    case Kind::dense:
      return upto(last);
    case Kind::local:
      return window;
    case Kind::dilated:
      return apart;
    case Kind::strided:
      break;
  }
  return window + apart;
}

}  // namespace

ModelCost::ModelCost(const ModelConfig& config) : config_(config) {
  // The tied head multiplies with the token embedding.
  const bool tied = config.token_head && config.tied_head;
  std::int64_t head_matrices = tied ? config.vocab * config.channels : 0;
  for (const nn::ParameterSpec& spec : parameters_of(config)) {
    const std::int64_t elements = spec.elements();
    const std::string_view name = spec.name;
    const bool embedding = name.starts_with("embedding.");
    parameters_ += elements;
    if (spec.role == nn::Role::table) positions_ += elements;
    if (embedding && spec.role == nn::Role::matrix && !config.token_head) looked_up_ += elements;
    if ((embedding && spec.decays()) || is_of_a_head(name)) embeddings_ += elements;
    if (is_of_a_head(name) && spec.role == nn::Role::matrix) head_matrices += elements;
    if (spec.role == nn::Role::vector)
      vectors_ += elements;
    else if (!embedding || (tied && spec.role == nn::Role::matrix))
      multiplied_ += elements;
  }
  head_flop_ = 2.0 * static_cast<double>(head_matrices);
}

double ModelCost::keys_before_of(std::int64_t first, std::int64_t end) const {
  double keys = 0;
  for (std::int64_t layer = 0; layer < config_.layers; ++layer)
    keys += config_.causal ? keys_before(config_.pattern(layer), end) -
                                 keys_before(config_.pattern(layer), first)
                           : static_cast<double>((end - first) * (end - 1));
  return keys;
}

double ModelCost::training_flop_per_token(std::int64_t sequence) const {
  // Of its own key a token counts a half, or all where it sees the keys behind it: dense attention
  // then sees T / 2 or T.
  const double seen = keys_before_of(0, sequence) / static_cast<double>(sequence) +
                      static_cast<double>(config_.layers) * (config_.causal ? 0.5 : 1.0);
  // Masked training asks the head for 15 % of the tokens (Devlin et al. 2018, 3.1).
  const double head_unused = config_.causal || !config_.token_head ? 0 : 0.85 * 3.0 * head_flop_;
  return 6.0 * static_cast<double>(parameters_ - positions_ - looked_up_) + 12.0 * width() * seen -
         head_unused;
}

double ModelCost::prefill_flop(std::int64_t batch, std::int64_t tokens) const {
  const auto t = static_cast<double>(tokens);
  const double products = 2.0 * static_cast<double>(block_parameters()) * t;
  const double attention =
      4.0 * width() * (keys_before_of(0, tokens) + static_cast<double>(config_.layers) * t);
  return static_cast<double>(batch) * (products + attention + (config_.causal ? head_flop_ : 0.0));
}

double ModelCost::decode_flop(std::int64_t batch, std::int64_t context) const {
  return static_cast<double>(batch) * (2.0 * static_cast<double>(block_parameters()) + head_flop_ +
                                       4.0 * width() * keys_before_of(context, context + 1));
}

double ModelCost::decode_bytes(double matrix_bytes, double cache_bytes, std::int64_t batch,
                               std::int64_t context) const {
  return static_cast<double>(multiplied_) * matrix_bytes + 4.0 * static_cast<double>(vectors_) +
         cache_bytes * static_cast<double>(2 * config_.groups() * config_.head_size()) *
             static_cast<double>(batch) *
             (keys_before_of(context, context + 1) + static_cast<double>(config_.layers));
}

std::int64_t ModelCost::cache_elements_per_token() const {
  return 2 * config_.layers * config_.groups() * config_.head_size();
}

void ModelCost::require_memory(double bytes_per_parameter) const {
  require_free_memory(parameters_, bytes_per_parameter * static_cast<double>(parameters_));
}

void require_free_memory(std::int64_t parameters, double bytes) {
  const std::uint64_t available = available_memory_bytes();
  if (bytes <= static_cast<double>(available)) return;
  throw Error(
      ErrorCode::out_of_memory,
      fmt::format("[model] {} parameters need {} at least, and {} of memory is free: use a smaller "
                  "model",
                  format_count(static_cast<double>(parameters)),
                  format_bytes(static_cast<std::uint64_t>(bytes)), format_bytes(available)));
}

}  // namespace stemma
