#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "kernels/host.h"
#include "models/cost.h"

namespace stemma::train {
namespace {

std::unique_ptr<nn::Parameters> make_parameters(const ModelConfig& config, nn::WeightSource& source,
                                                Stream& stream, std::unique_ptr<Model>& model) {
  return std::make_unique<nn::Parameters>(
      [&](nn::WeightSource& from) { model = build_model(config, from); }, source, stream);
}

// A weight, its gradient and its two moments, f32 each.
constexpr double kBytesPerParameter = 16;

void check(const ModelConfig& config, const TrainerSettings& settings, const BatchSource& batches) {
  if (settings.batch < 1 || settings.micro_batch < 1 || settings.batch % settings.micro_batch != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] batch ({}) must be a multiple of micro_batch ({})",
                            settings.batch, settings.micro_batch));
  if (batches.sequence_length() > config.context)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] sequence_length ({}) is above the model's context ({})",
                            batches.sequence_length(), config.context));
  ModelCost(config).require_memory(kBytesPerParameter);
}

[[noreturn]] void not_finite(const char* what, double value, std::int64_t step) {
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[train] {} is {} at step {}; the weights of step {} are unchanged: begin a new "
                  "run with a lower learning_rate or a longer warmup, anew or from a checkpoint "
                  "(--model)",
                  what, value, step, step - 1));
}

}  // namespace

Trainer::Trainer(const ModelConfig& config, const TrainerSettings& settings,
                 nn::WeightSource& source, std::shared_ptr<const BatchSource> batches,
                 Stream& stream)
    : settings_((check(config, settings, *batches), settings)),
      stream_(stream),
      batches_(std::move(batches)),
      parameters_(make_parameters(config, source, stream, model_)),
      optimizer_(std::make_unique<AdamW>(*parameters_, settings.optimizer)),
      ctx_(stream, settings.numerics, arena_),
      tape_(ctx_, settings.recompute) {
  tape_.bind(parameters_->storage(), parameters_->gradient_tensors());
  ctx_.set_tape(&tape_);
}

// Steps whose micro-batches are cut alike allocate alike.
std::uint64_t Trainer::shape_key() const {
  const auto bytes = std::as_bytes(std::span(batch_.offsets));
  return hash64(bytes);
}

double Trainer::accumulate(std::int64_t first_sequence, std::int64_t first_number,
                           std::int64_t count, double scale) {
  batches_->fill(first_sequence, count, first_number, batch_);
  tape_.reset();
  const ops::Arena::Step memory(arena_, shape_key());
  nn::FullAttention attention(batch_);
  double value = 0;
  {
    const Tensor h = model_->forward({ctx_, batch_, attention});
    const Tensor loss = model_->head().loss(ctx_, h, batch_.targets, scale);
    value = kernels::read_scalar(stream_, loss);
    if (memory_report_.empty()) memory_report_ = tape_.report();
    tape_.backward(loss);
  }
  tape_.reset();
  return value;
}

std::optional<StepResult> Trainer::step() {
  StepResult result;
  result.step = step_ + 1;
  result.tokens = batches_->targets_in(sequences_, settings_.batch);
  result.lr = settings_.schedule.at(result.step);
  ctx_.set_randomness({settings_.seed, static_cast<std::uint32_t>(result.step), true});
  const double scale = 1.0 / static_cast<double>(std::max<std::int64_t>(result.tokens, 1));
  for (std::int64_t i = 0; i < settings_.batch; i += settings_.micro_batch) {
    if (i > 0 && interrupt_requested() != 0) return std::nullopt;
    result.loss += accumulate(sequences_ + i, i, settings_.micro_batch, scale);
  }
  if (!std::isfinite(result.loss)) not_finite("the loss", result.loss, result.step);
  result.gradient_norm = optimizer_->step(stream_, result.lr, result.step);
  if (!std::isfinite(result.gradient_norm))
    not_finite("the norm of the gradient", result.gradient_norm, result.step);
  step_ = result.step;
  sequences_ += settings_.batch;
  tokens_ += result.tokens;
  return result;
}

Evaluation Trainer::evaluate(const EvaluationWindows& windows, std::int64_t text_bytes) {
  ops::Context ctx(stream_, settings_.numerics, arena_);
  Evaluation result;
  double nats = 0;
  for (std::int64_t i = 0; i < windows.windows(); i += settings_.micro_batch) {
    windows.fill(i, std::min(settings_.micro_batch, windows.windows() - i), batch_);
    // Evaluation has its own plan: the same shapes without a tape.
    const ops::Arena::Step memory(arena_, ~shape_key());
    nn::FullAttention attention(batch_);
    const Tensor h = model_->forward({ctx, batch_, attention});
    const auto losses = model_->head().token_losses(ctx, h, batch_.targets);
    nats = std::accumulate(losses.begin(), losses.end(), nats);
    result.tokens += std::count_if(batch_.targets.begin(), batch_.targets.end(),
                                   [](std::int32_t t) { return t >= 0; });
  }
  result.loss = nats / static_cast<double>(std::max<std::int64_t>(result.tokens, 1));
  result.bits_per_byte =
      nats / std::log(2.0) / static_cast<double>(std::max<std::int64_t>(text_bytes, 1));
  return result;
}

std::vector<checkpoint::NamedTensor> Trainer::weights() const {
  std::vector<checkpoint::NamedTensor> list;
  for (const nn::Parameter& p : parameters_->list()) list.push_back({p.spec.name, p.value});
  return list;
}

checkpoint::TrainingState Trainer::state() const {
  checkpoint::TrainingState state;
  state.step = step_;
  state.sequences_consumed = sequences_;
  state.tokens = tokens_;
  state.seed = settings_.seed;
  return state;
}

void Trainer::resume(const checkpoint::TrainingState& state,
                     const std::vector<checkpoint::NamedTensor>& optimizer) {
  optimizer_->restore(optimizer);
  step_ = state.step;
  sequences_ = state.sequences_consumed;
  tokens_ = state.tokens;
}

}  // namespace stemma::train
