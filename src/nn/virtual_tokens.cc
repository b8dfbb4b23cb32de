#include "nn/virtual_tokens.h"

#include <utility>

#include "ops/gather_rows.h"

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
      to_.ids.push_back(from_.ids[at]);
      to_.positions.push_back(from_.positions[at] + static_cast<std::int32_t>(shift));
      if (!from_.targets.empty()) to_.targets.push_back(from_.targets[at]);
      if (!from_.segments.empty()) to_.segments.push_back(from_.segments[at]);
    }
    to_.offsets.push_back(to_.tokens());
  }

  // What belongs to sequences stays; what heads read of tokens moves with these.
  Batch finish() {
    to_.numbers = from_.numbers;
    to_.labels = from_.labels;
    to_.adapters = from_.adapters;
    to_.heads = from_.heads;
    for (HeadRows& rows : to_.heads)
      if (!rows.of_sequences)
        for (std::int32_t& row : rows.from) row = moved_[static_cast<std::size_t>(row)];
    return std::move(to_);
  }

 private:
  const Batch& from_;
  Batch to_;
  std::vector<std::int32_t> moved_;  // where each token of `from_` is now
};

}  // namespace

Batch with_virtual_tokens(Batch batch, const Adapters* adapters) {
  if (!adapters || (!adapters->has(Kind::prefix) && !adapters->has(Kind::prompt))) return batch;
  PromptWriter writer(batch);
  for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b) {
    const std::int64_t prompt = virtual_tokens_of(*adapters, batch, b, Kind::prompt);
    writer.add(b, prompt, prompt + virtual_tokens_of(*adapters, batch, b, Kind::prefix));
  }
  return writer.finish();
}

PrefixAttention::PrefixAttention(const Batch& batch, const Adapters* adapters)
    : sequences_(ops::self_sequences(batch)) {
  if (!adapters || !adapters->has(Kind::prefix)) return;
  for (const Adapter* adapter : adapters->list) tables_.push_back(adapter->virtual_tokens());
  for (std::size_t b = 0; b < sequences_.size(); ++b) {
    ops::AttentionSequence& s = sequences_[b];
    const std::int64_t prefix = virtual_tokens_of(*adapters, batch, b, Kind::prefix);
    const auto begin = std::ssize(inserted_.from);
    if (prefix > 0) {
      const std::size_t table =
          batch.adapters.empty() ? 0 : static_cast<std::size_t>(batch.adapters[b]);
      inserted_.blocks.push_back({begin, table});
      inserted_.from.resize(inserted_.from.size() + static_cast<std::size_t>(prefix), ops::kNoRow);
    }
    for (std::int64_t row = s.query_begin; row < s.query_end; ++row) {
      inserted_.tokens.push_back(static_cast<std::int32_t>(inserted_.from.size()));
      inserted_.from.push_back(static_cast<std::int32_t>(row));
    }
    const std::int64_t keys = prefix + s.keys;
    s = {begin, begin + keys, keys, 0, s.number, begin};
  }
}

Tensor PrefixAttention::attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                               const ops::AttentionSpec& spec) {
  if (inserted_.blocks.empty()) return ops::attention(ctx, qkv, spec, sequences_);
  // The prefix has no queries: its rows of the result, made of zeros, are left out.
  const std::int64_t width = 2 * spec.key_value_heads() * spec.head_size;
  const Tensor longer = ops::insert_rows(ctx, qkv, tables_, {layer * width, width}, inserted_);
  return ops::gather_rows(ctx, ops::attention(ctx, longer, spec, sequences_), inserted_.tokens);
}

}  // namespace stemma::nn
