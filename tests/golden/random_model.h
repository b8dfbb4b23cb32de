// The random models made with transformers (fixtures/README.md): their values under Hugging Face's
// names and in its layout, and their ten training batches.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/import_rules.h"
#include "models/model.h"
#include "nn/parameters.h"
#include "ops/tape.h"
#include "tests/golden/support.h"
#include "train/batch_source.h"

namespace stemma::golden {

inline constexpr std::int64_t kSequences = 3, kTokens = 31, kSteps = 10;

// The ten batches of a fixture, as a trainer asks for them.
class FixtureBatches final : public train::BatchSource {
 public:
  explicit FixtureBatches(const Golden& golden)
      : ids_(golden.ids("train.ids")), targets_(golden.ids("train.targets")) {
    if (!golden.has("train.segments")) return;
    segments_ = golden.ids("train.segments");
    labels_ = golden.ids("train.labels");
  }

  std::int64_t sequence_length() const override { return kTokens; }
  train::Counts counts(std::int64_t first, std::int64_t count) const override {
    const auto begin = targets_.begin() + first * kTokens;
    return {count * kTokens,
            std::count_if(begin, begin + count * kTokens, [](std::int32_t t) { return t >= 0; }),
            labels_.empty() ? 0 : count};
  }
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override {
    batch = {};
    batch.offsets = {0};
    for (std::int64_t s = first; s < first + count; ++s) {
      for (std::int64_t t = 0; t < kTokens; ++t) {
        batch.ids.push_back(ids_.at(static_cast<std::size_t>(s * kTokens + t)));
        batch.targets.push_back(targets_.at(static_cast<std::size_t>(s * kTokens + t)));
        batch.positions.push_back(static_cast<std::int32_t>(t));
        if (!segments_.empty())
          batch.segments.push_back(segments_.at(static_cast<std::size_t>(s * kTokens + t)));
      }
      batch.offsets.push_back(batch.tokens());
      batch.numbers.push_back(first_number + s - first);
      if (!labels_.empty()) batch.labels.push_back(labels_.at(static_cast<std::size_t>(s)));
    }
  }

 private:
  std::vector<std::int32_t> ids_, targets_, segments_, labels_;
};

// A tensor of ours as the file has it: Conv1D matrices transposed.
inline std::vector<float> in_file_layout(const checkpoint::FileTensor& file, const Tensor& ours) {
  const std::vector<float> values = values_of(ours);
  if (!file.transposed) return values;
  std::vector<float> out(values.size());
  const auto rows = static_cast<std::size_t>(file.shape[1]);
  const auto columns = static_cast<std::size_t>(file.shape[0]);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = values[r * columns + c];
  return out;
}

// Our names to the tensors of the file: one, or several that lie one below the other in ours.
inline std::map<std::string, std::vector<checkpoint::FileTensor>> names_of(
    const ModelConfig& config) {
  std::map<std::string, std::vector<checkpoint::FileTensor>> names;
  for (const nn::ParameterSpec& spec : parameters_of(config))
    names.emplace(spec.name, checkpoint::rules_of(config.family).files(spec));
  return names;
}

// The part of our tensor that one tensor of the file holds, in the file's layout: `begin` is where
// it begins in ours, and moves on.
inline std::vector<float> part_in_file_layout(const checkpoint::FileTensor& file,
                                              const Tensor& ours, std::size_t& begin) {
  std::size_t size = 1;
  for (const std::int64_t dim : file.shape) size *= static_cast<std::size_t>(dim);
  const std::vector<float> all = in_file_layout(file, ours);
  if (size == all.size()) return all;
  const auto from = all.begin() + static_cast<std::ptrdiff_t>(begin);
  begin += size;
  return {from, from + static_cast<std::ptrdiff_t>(size)};
}

// A model whose parameters are trainable, and one pass of it, forward and backward.
class TrainableModel {
 public:
  TrainableModel(const fs::path& folder, ops::Numerics numerics,
                 ops::Recompute recompute = ops::Recompute::none)
      : source_(folder, checkpoint::Memory::shared),
        stream_(1),
        parameters_(
            [&](nn::WeightSource& from) { model_ = build_model(source_.config().model, from); },
            source_, stream_),
        ctx_(stream_, numerics),
        tape_(ctx_, recompute) {
    tape_.bind(parameters_.storage(), parameters_.gradient_tensors());
  }

  // A micro-batch of `count` sequences of a step of `in_step`: adds the gradients of its losses to
  // the parameters', and returns their sum. The losses are of the targets and, where there are
  // labels, of the pairs, each divided by what the whole step holds.
  double loss_and_gradients(const FixtureBatches& batches, std::int64_t first, std::int64_t count,
                            std::int64_t in_step) {
    Batch batch;
    const std::int64_t step = first / in_step * in_step;
    batches.fill(first, count, 0, batch);
    ctx_.set_tape(&tape_);
    nn::FullAttention attention(batch);
    const Tensor h = model_->forward({ctx_, batch, attention});
    const train::Counts counts = batches.counts(step, in_step);
    std::vector<Tensor> roots{
        model_->head().loss(ctx_, h, batch.targets, 1.0 / static_cast<double>(counts.targets))};
    if (!batch.labels.empty())
      roots.push_back(model_->pair_head().loss(ctx_, model_->pooler()(ctx_, h, batch), batch.labels,
                                               1.0 / static_cast<double>(counts.labels)));
    double value = 0;
    for (const Tensor& loss : roots) value += *loss.data<double>();
    tape_.backward(roots);
    tape_.reset();
    ctx_.set_tape(nullptr);
    return value;
  }

  const Model& model() const { return *model_; }
  ops::Context& ctx() { return ctx_; }
  nn::Parameters& parameters() { return parameters_; }
  const nn::Parameters& parameters() const { return parameters_; }
  Stream& stream() { return stream_; }

 private:
  checkpoint::CheckpointSource source_;
  Stream stream_;
  std::unique_ptr<Model> model_;
  nn::Parameters parameters_;
  ops::Context ctx_;
  ops::Tape tape_;
};

}  // namespace stemma::golden
