// Passes of a model at inference, in planned memory: what evaluation, `logits` and the engine have
// in common. A pass of a shape that came before allocates nothing (ops/arena.h): large buffers
// would otherwise be mapped, cleared and unmapped by the system in every step.
//
//   Forward forward(model);
//   const Tensor logits = forward.logits(ids);                       // [T, V]
//   const std::vector<double> nll = forward.token_losses(ids, 3, targets);
//
// Whole sequences need no cache; infer/cached_pass.h continues sequences that are in one. One
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "infer/loaded_model.h"
#include "models/model.h"
#include "ops/arena.h"
#include "ops/context.h"
#include "tensor/batch.h"

namespace stemma::infer {

class Forward {
 public:
  // What is given must outlive this.
  Forward(const Model& model, const ops::Numerics& numerics, Stream& stream,
          const nn::Adapters* adapters = nullptr);
  explicit Forward(const LoadedModel& model);

  // Gets a result of a pass, whose memory is reused when the call returns.
  using Use = std::function<void(const Tensor&)>;

  // `use` gets the logits after `rows` of the batch, [M, V] f32, as the model reads it, virtual
  // tokens among them. rows ascending; where there are none, `use` is not called. Throw as
  // Model::forward; unsupported where a model without a token head is asked for logits or losses.
  void logits(const Batch& batch, nn::AttentionState& state, std::span<const std::int32_t> rows,
              const Use& use);

  // Of whole sequences, with the virtual tokens of adapters before them: rows and results are of
  // the tokens of `batch`, without those. The states after `rows`, [M, C] in the activation type;
  // the negative log-likelihood of one target after each of `rows`.
  void states(const Batch& batch, std::span<const std::int32_t> rows, const Use& use);
  std::vector<double> token_losses(const Batch& batch, std::span<const std::int32_t> rows,
                                   std::span<const std::int32_t> targets);
  Tensor states(const Batch& batch);  // [N, C] f32

  // One sequence from its beginning. Throw invalid_argument: no ids, more than the context holds,
  // ids outside the vocabulary.
  Tensor states(std::span<const std::int32_t> ids);  // [T, C] f32
  Tensor logits(std::span<const std::int32_t> ids);  // [T, V] f32
  // Of the targets after the ids first, first + 1, ...
  std::vector<double> token_losses(std::span<const std::int32_t> ids, std::int64_t first,
                                   std::span<const std::int32_t> targets);

  // Tokens that a sequence may have: the model's context without virtual ones.
  std::int64_t most_tokens() const;
  const Model& model() const { return model_; }
  const ops::Numerics& numerics() const { return ctx_.numerics(); }
  Stream& stream() const { return ctx_.stream(); }
  const ops::Arena& arena() const { return arena_; }

 private:
  enum class Result : std::uint64_t { states, logits, losses };
  void run(const Batch& batch, nn::AttentionState& state, std::span<const std::int32_t> rows,
           Result result, const Use& use);
  void run_whole(const Batch& tokens, std::span<const std::int32_t> rows, Result result,
                 const Use& use);
  Batch sequence(std::span<const std::int32_t> ids) const;

  const Model& model_;
  const nn::Adapters* adapters_;
  ops::Arena arena_;
  ops::Context ctx_;
};

// Appends a sequence, or the part of one that begins at position `first`.
void append(Batch& batch, std::span<const std::int32_t> ids, std::int64_t first = 0);

// Throws invalid_argument, naming `place`, for an id outside the model's vocabulary.
void check_ids(const ModelConfig& config, std::span<const std::int32_t> ids, const char* place);

}  // namespace stemma::infer
