#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "kernels/elementwise.h"
#include "kernels/host.h"
#include "models/cost.h"
#include "nn/virtual_tokens.h"

namespace stemma::train {
namespace {

// What is built: the model, and the adapter beside it.
struct Built {
  std::unique_ptr<Model>& model;
  std::unique_ptr<nn::Adapter>& adapter;
};

nn::Build build_of(const ModelConfig& config, const TrainerSettings& settings, Built built) {
  return [&config, &settings, built](nn::WeightSource& from) {
    built.model = build_model(config, from);
    if (settings.adapter) built.adapter = std::make_unique<nn::Adapter>(from, *settings.adapter);
  };
}

std::vector<nn::ParameterSpec> all_parameters(const ModelConfig& config,
                                              const TrainerSettings& settings) {
  std::unique_ptr<Model> model;
  std::unique_ptr<nn::Adapter> adapter;
  return nn::survey(build_of(config, settings, {model, adapter}));
}

// A weight, its gradient and its two moments, f32 each.
constexpr double kBytesPerTrained = 16;

// What weights, gradients and moments take: a frozen parameter only what its source stores.
void require_memory(const ModelConfig& config, nn::WeightSource& source,
                    const TrainerSettings& settings) {
  const nn::Trainable& trainable = settings.trainable;
  double bytes = 0;
  std::int64_t parameters = 0, trained = 0;
  for (const nn::ParameterSpec& spec : all_parameters(config, settings)) {
    parameters += spec.elements();
    if (!trainable || trainable(spec.name)) {
      trained += spec.elements();
      bytes += kBytesPerTrained * static_cast<double>(spec.elements());
    } else {
      const Weight stored = source.load(spec);
      bytes += static_cast<double>(stored.value().elements()) *
               static_cast<double>(size_of(stored.dtype()));
    }
  }
  if (trained == 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] none of the model's {} parameters is to be trained: let the "
                            "predicate `trainable` choose some",
                            parameters));
  require_free_memory(parameters, bytes);
}

void check(const ModelConfig& config, const TrainerSettings& settings, nn::WeightSource& source,
           const BatchSource& batches) {
  if (settings.batch < 1 || settings.micro_batch < 1 || settings.batch % settings.micro_batch != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] batch ({}) must be a multiple of micro_batch ({})",
                            settings.batch, settings.micro_batch));
  const std::int64_t virtual_tokens = settings.adapter ? settings.adapter->virtual_tokens : 0;
  if (batches.sequence_length() + virtual_tokens > config.context)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] sequence_length ({}) and virtual tokens ({}) together are "
                            "above the model's context ({})",
                            batches.sequence_length(), virtual_tokens, config.context));
  require_memory(config, source, settings);
}

// Batches that are cut alike and hold as many targets allocate alike.
std::uint64_t shape_key(const Batch& batch) {
  const auto targets = std::count_if(batch.targets.begin(), batch.targets.end(),
                                     [](std::int32_t target) { return target >= 0; });
  return hash64(std::as_bytes(std::span(batch.offsets)), static_cast<std::uint64_t>(targets));
}

// A frozen parameter as a checkpoint holds it.
Tensor in_f32(Stream& stream, const nn::ParameterSpec& spec, const Weight& weight) {
  if (weight.layout() != Weight::Layout::rows)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("[train] the frozen parameter '{}' lies in {}: a trainer saves rows only",
                    spec.name, to_string(weight.layout())));
  if (weight.dtype() == DType::f32) return weight.value();
  Tensor copy = Tensor::empty(spec.shape, DType::f32);
  kernels::convert(stream, weight.value(), copy);
  stream.sync();
  return copy;
}

// Adds the values of `losses` to the step's total and columns.
void add(Stream& stream, const std::vector<Loss>& losses, StepResult& result) {
  std::size_t column = 0;
  for (const Loss& loss : losses) {
    const double value = loss.root ? kernels::read_scalar(stream, loss.root) : 0;
    result.loss += value;
    if (loss.name.empty()) continue;
    if (column == result.columns.size()) result.columns.push_back({std::string(loss.name), 0});
    result.columns[column++].value += value / loss.weight;
  }
}

// The same in one column.
void add_adversarial(Stream& stream, const std::vector<Loss>& losses, StepResult& result) {
  constexpr const char* kColumn = "adversarial_loss";
  std::vector<Metric>& columns = result.columns;
  if (columns.empty() || columns.back().name != kColumn) columns.push_back({kColumn, 0});
  for (const Loss& loss : losses)
    if (loss.root) columns.back().value += kernels::read_scalar(stream, loss.root);
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
                 nn::WeightSource& source, std::shared_ptr<const Objective> objective,
                 Stream& stream)
    : settings_((check(config, settings, source, objective->batches()), settings)),
      stream_(stream),
      objective_(std::move(objective)),
      parameters_(std::make_unique<nn::Parameters>(build_of(config, settings_, {model_, adapter_}),
                                                   source, stream, settings.trainable)),
      optimizer_(std::make_unique<AdamW>(*parameters_, settings.optimizer)),
      ctx_(stream, settings.numerics, memory()),
      tape_(ctx_, settings.recompute) {
  tape_.bind(parameters_->storage(), parameters_->gradient_tensors());
  if (settings_.adversarial) {
    no_gradients_.resize(parameters_->list().size());
    probe_.emplace(ctx_, settings.recompute);
    probe_->bind(parameters_->storage(), no_gradients_);
  }
  if (adapter_) adapters_.list = {adapter_.get()};
  if (settings_.hook) settings_.hook->attach(*parameters_);
}

std::optional<ops::Arena::Step> Trainer::planned(std::uint64_t shape) {
  if (objective_->shapes_vary()) return std::nullopt;
  return std::optional<ops::Arena::Step>(std::in_place, arena_, shape);
}

void Trainer::accumulate(std::int64_t first_sequence, std::int64_t first_number,
                         const Counts& counts, StepResult& result) {
  objective_->batches().fill(first_sequence, settings_.micro_batch, first_number, batch_);
  batch_ = nn::with_virtual_tokens(std::move(batch_), adapters());
  tape_.reset();
  if (probe_) probe_->reset();
  const auto plan = planned(shape_key(batch_));
  if (!settings_.adversarial) {
    run_pass({}, counts, result);
    return;
  }
  run_adversarial_passes(*settings_.adversarial, ctx_, batch_, model_->config().channels,
                         [&](const LearningPass& pass) { return run_pass(pass, counts, result); });
}

Tensor Trainer::run_pass(const LearningPass& pass, const Counts& counts, StepResult& result) {
  ops::Tape& tape = pass.learns() ? tape_ : *probe_;
  ctx_.set_tape(&tape);
  nn::PrefixAttention attention(batch_, adapters());
  const auto read = nn::read_by_heads(batch_);
  Tensor perturbation = pass.perturbation, gradient;
  if (pass.probes()) tape.input(perturbation);
  {
    const Tensor h = model_->forward(
        {ctx_, batch_, attention, adapters(), perturbation, read ? &*read : nullptr});
    const States states{ctx_, *model_, read ? read->batch : batch_, h};
    const std::vector<Loss> losses = objective_->losses(states, counts);
    if (pass.kind == LearningPass::Kind::clean) add(stream_, losses, result);
    if (pass.kind == LearningPass::Kind::perturbed) add_adversarial(stream_, losses, result);
    if (memory_report_.empty()) memory_report_ = tape.report();
    std::vector<Tensor> roots;
    for (const Loss& loss : losses)
      if (loss.root) roots.push_back(loss.root);
    tape.backward(roots);
    if (pass.probes()) gradient = tape.take_gradient(perturbation);
  }
  tape.reset();
  return gradient;
}

std::optional<StepResult> Trainer::step() {
  StepResult result;
  result.step = step_ + 1;
  const Counts counts = objective_->batches().counts(sequences_, settings_.batch);
  result.tokens = counts.tokens;
  result.lr = settings_.schedule.at(result.step);
  ctx_.set_randomness({settings_.seed, static_cast<std::uint32_t>(result.step), true});
  for (std::int64_t i = 0; i < settings_.batch; i += settings_.micro_batch) {
    if (i > 0 && settings_.interrupt.requested()) return std::nullopt;
    accumulate(sequences_ + i, i, counts, result);
  }
  if (settings_.hook)
    for (Metric& term : settings_.hook->before_update(stream_)) {
      result.loss += term.value;
      result.columns.push_back(std::move(term));
    }
  if (!std::isfinite(result.loss)) not_finite("the loss", result.loss, result.step);
  result.gradient_norm = optimizer_->step(stream_, result.lr, result.step);
  if (!std::isfinite(result.gradient_norm))
    not_finite("the norm of the gradient", result.gradient_norm, result.step);
  if (settings_.hook)
    settings_.hook->after_update(stream_,
                                 {result.step, optimizer_->gradient_scale(result.gradient_norm)});
  step_ = result.step;
  sequences_ += settings_.batch;
  tokens_ += result.tokens;
  return result;
}

std::vector<Metric> Trainer::evaluate() {
  ops::Context ctx(stream_, settings_.numerics, memory());
  const auto run = [&](const Batch& tokens, const std::function<void(const States&)>& use) {
    const Batch batch = nn::with_virtual_tokens(tokens, adapters());
    // Evaluation has its own plan: the same shapes without a tape.
    const auto plan = planned(~shape_key(batch));
    nn::PrefixAttention attention(batch, adapters());
    const auto read = nn::read_by_heads(batch);
    const Tensor h =
        model_->forward({ctx, batch, attention, adapters(), {}, read ? &*read : nullptr});
    use({ctx, *model_, read ? read->batch : batch, h});
  };
  return objective_->evaluate({settings_.micro_batch, run});
}

std::vector<checkpoint::NamedTensor> Trainer::trained_weights() const {
  std::vector<checkpoint::NamedTensor> list;
  for (const nn::Parameter& p : parameters_->list()) list.push_back({p.spec.name, p.value});
  return list;
}

std::vector<checkpoint::NamedTensor> Trainer::weights() const {
  std::vector<checkpoint::NamedTensor> list = trained_weights();
  for (const auto& [spec, weight] : parameters_->frozen())
    list.push_back({spec.name, in_f32(stream_, spec, weight)});
  return list;
}

std::int64_t Trainer::trained_parameters() const {
  std::int64_t count = 0;
  for (const nn::Parameter& p : parameters_->list()) count += p.spec.elements();
  return count;
}

std::vector<checkpoint::NamedTensor> Trainer::optimizer_state() const {
  std::vector<checkpoint::NamedTensor> list = optimizer_->state();
  if (settings_.hook)
    for (checkpoint::NamedTensor& item : settings_.hook->state()) list.push_back(std::move(item));
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
  if (settings_.hook) settings_.hook->restore(optimizer);
  step_ = state.step;
  sequences_ = state.sequences_consumed;
  tokens_ = state.tokens;
}

}  // namespace stemma::train
