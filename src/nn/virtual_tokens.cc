#include "nn/virtual_tokens.h"

#include <algorithm>
#include <utility>

#include "nn/batch_rows.h"

namespace stemma::nn {
namespace {

using Kind = AdapterSpec::Kind;

// P of a sequence whose adapter is of that kind, otherwise 0.
std::int64_t virtual_tokens_of(const Adapters& adapters, const Batch& batch, std::size_t b,
                               Kind kind) {
  const Adapter* adapter = adapters.of_sequence(batch, b);
  return adapter && adapter->spec().kind == kind ? adapter->spec().virtual_tokens : 0;
}

// Builds a batch with a prompt's rows, sequence by sequence.
class PromptWriter {
 public:
  explicit PromptWriter(const Batch& from) : from_(from) { to_.offsets = {0}; }

  // `prompt` rows before the tokens of sequence b, which move on by `shift` positions.
  void add(std::size_t b, std::int64_t prompt, std::int64_t shift) {
    for (std::int64_t i = 0; i < prompt; ++i) {
      to_.ids.push_back(static_cast<std::int32_t>(-1 - i));
      to_.positions.push_back(static_cast<std::int32_t>(i));
      if (!from_.targets.empty()) to_.targets.push_back(-1);
      if (!from_.segments.empty()) to_.segments.push_back(0);
    }
    for (std::int64_t i = from_.offsets[b]; i < from_.offsets[b + 1]; ++i) {
      const auto at = static_cast<std::size_t>(i);
      moved_.push_back(static_cast<std::int32_t>(to_.tokens()));
      append_token(from_, at, to_);
      to_.positions.back() += static_cast<std::int32_t>(shift);
    }
    to_.offsets.push_back(to_.tokens());
  }

  // What belongs to sequences stays; what heads read of tokens moves with these.
  Batch finish() {
    keep_sequences(from_, moved_, to_);
    return std::move(to_);
  }

 private:
  const Batch& from_;
  Batch to_;
  std::vector<std::int32_t> moved_;  // where each token of `from_` is now
};

}  // namespace

std::int64_t most_virtual_tokens(const Adapters* adapters) {
  std::int64_t most = 0;
  if (adapters)
    for (const Adapter* adapter : adapters->list)
      most = std::max(most, adapter->spec().virtual_tokens);
  return most;
}

Batch with_virtual_tokens(Batch batch, const Adapters* adapters) {
  if (!adapters || (!adapters->has(Kind::prefix) && !adapters->has(Kind::prompt))) return batch;
  PromptWriter writer(batch);
  for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b) {
    const auto first = static_cast<std::size_t>(batch.offsets[b]);
    const bool goes_on = batch.offsets[b] < batch.offsets[b + 1] && batch.positions[first] != 0;
    const std::int64_t prompt = goes_on ? 0 : virtual_tokens_of(*adapters, batch, b, Kind::prompt);
    const std::int64_t prefix = goes_on ? 0 : virtual_tokens_of(*adapters, batch, b, Kind::prefix);
    writer.add(b, prompt, prompt + prefix);
  }
  return writer.finish();
}

std::vector<std::int32_t> token_rows(const Batch& batch) {
  std::vector<std::int32_t> rows;
  rows.reserve(batch.ids.size());
  for (std::size_t row = 0; row < batch.ids.size(); ++row)
    if (batch.ids[row] >= 0) rows.push_back(static_cast<std::int32_t>(row));
  return rows;
}

PrefixRows::PrefixRows(const Adapters* adapters)
    : adapters_(adapters && adapters->has(Kind::prefix) ? adapters : nullptr) {
  if (!adapters_) return;
  for (const Adapter* adapter : adapters_->list) tables_.push_back(adapter->virtual_tokens());
}

PrefixRows::Range PrefixRows::add(const Batch& batch, std::size_t b, bool begins) {
  if (!adapters_) return {batch.offsets[b], batch.offsets[b + 1]};
  const std::int64_t prefix = begins ? virtual_tokens_of(*adapters_, batch, b, Kind::prefix) : 0;
  const auto begin = std::ssize(inserted_.from);
  if (prefix > 0) {
    const std::size_t table =
        batch.adapters.empty() ? 0 : static_cast<std::size_t>(batch.adapters[b]);
    inserted_.blocks.push_back({begin, table});
    inserted_.from.resize(inserted_.from.size() + static_cast<std::size_t>(prefix), ops::kNoRow);
  }
  for (std::int64_t row = batch.offsets[b]; row < batch.offsets[b + 1]; ++row) {
    inserted_.tokens.push_back(static_cast<std::int32_t>(inserted_.from.size()));
    inserted_.from.push_back(static_cast<std::int32_t>(row));
  }
  return {begin, std::ssize(inserted_.from)};
}

PrefixAttention::PrefixAttention(const Batch& batch, const Adapters* adapters)
    : sequences_(ops::self_sequences(batch)), prefixes_(adapters) {
  for (std::size_t b = 0; b < sequences_.size(); ++b) {
    ops::AttentionSequence& s = sequences_[b];
    const auto [begin, end] = prefixes_.add(batch, b, true);
    s = {begin, end, end - begin, 0, s.number, begin};
  }
}

Tensor PrefixAttention::attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                               const ops::AttentionSpec& spec) {
  return prefixes_.around(ctx, layer, qkv, spec, [&](const Tensor& x) {
    return ops::attention(ctx, x, spec, sequences_);
  });
}

}  // namespace stemma::nn
