#include "ops/tape.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/elementwise.h"

namespace stemma::ops {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;

DType gradient_type(DType value) { return value == DType::f64 ? DType::f64 : DType::f32; }

}  // namespace

Tape::Tape(Context& ctx, Recompute recompute) : ctx_(ctx), recompute_(recompute) {}

Tape::~Tape() { reset(); }

void Tape::reset() {
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node)
    if (node->closure) node->destroy(node->closure);
  nodes_.clear();
  for (auto& recipe : recipes_) recipe.destroy(recipe.closure);
  recipes_.clear();
  variables_.clear();
  counted_.clear();
  block_ = used_ = 0;
  pending_bytes_ = 0;
  running_ = nullptr;
  ran_ = false;
}

void Tape::bind(const StorageRef& weights, std::span<const Tensor> gradients) {
  for (const Group& group : groups_)
    if (group.weights.get() == weights.get())
      throw Error(ErrorCode::invalid_argument,
                  "[tape] these parameters are bound to the tape already: bind each model once");
  groups_.push_back({weights, gradients});
}

void Tape::bind_as(const Tape& other) { groups_ = other.groups_; }

void* Tape::allocate(std::size_t bytes, std::size_t alignment) {
  std::size_t begin = (used_ + alignment - 1) / alignment * alignment;
  while (block_ < blocks_.size() && begin + bytes > blocks_[block_].size) {
    ++block_;
    begin = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t size = std::max(kBlockBytes, bytes);
    blocks_.push_back({std::make_unique<std::byte[]>(size), size});
    begin = 0;
  }
  used_ = begin + bytes;
  return blocks_[block_].data.get() + begin;
}

void Tape::input(Tensor& value) {
  variables_.push_back({value.storage().get(), {}, nullptr, -1, true});
  value.set_variable(static_cast<std::int32_t>(variables_.size()));
}

Tensor Tape::take_gradient(const Tensor& input) {
  return std::move(variable_of(input.variable()).gradient);
}

void Tape::add_node(const char* operation, Tensor& y, void* closure, Run run, Destroy destroy) {
  variables_.push_back({y.storage().get(), {}, nullptr, -1});
  y.set_variable(static_cast<std::int32_t>(variables_.size()));
  nodes_.push_back({operation, closure, run, destroy, y.variable(), pending_bytes_, false});
  pending_bytes_ = 0;
}

void Tape::add_recipe(const Tensor& y, void* closure, Make make, Destroy destroy) {
  recipes_.push_back({closure, make, destroy, {}});
  variable_of(y.variable()).recipe = static_cast<std::int32_t>(recipes_.size()) - 1;
}

void Tape::declare_loss() {
  nodes_.back().loss = true;
  variables_.back().loss = nodes_.back().operation;
}

Kept Tape::keep(const Tensor& value) {
  Kept kept;
  if (value.variable() > 0) kept.recipe_ = variable_of(value.variable()).recipe;
  if (kept.recipe_ >= 0 || !value) return kept;
  kept.tensor_ = value;
  // A parameter lives outside the tape; a buffer that several closures hold counts once.
  if (value.variable() >= 0 && counted_.insert(value.storage().get()).second)
    pending_bytes_ += value.storage().get()->bytes;
  return kept;
}

bool Tape::can_overwrite(const Tensor& value) const {
  const std::int32_t variable = value.variable();
  if (variable < 0) return false;
  if (variable > 0 && variables_[static_cast<std::size_t>(variable) - 1].input) return false;
  return !counted_.contains(value.storage().get());
}

bool Tape::recorded(std::int32_t id, const Storage* storage) const {
  return id > 0 && static_cast<std::size_t>(id) <= variables_.size() &&
         variables_[static_cast<std::size_t>(id) - 1].storage == storage;
}

void Tape::require_root(const Tensor& y) const {
  if (ran_)
    throw Error(ErrorCode::invalid_argument,
                "[tape] backward has run already, and its closures are gone: hand over all losses "
                "of a forward pass in one call, and reset() before the next");
  if (!recorded(y.variable(), y.storage().get()))
    throw Error(ErrorCode::internal, "[tape] backward from a value that this tape did not record");
}

// A loss has added to gradients in the forward pass already, so none may be left out.
void Tape::require_all_losses(std::span<const Tensor> roots) const {
  for (const Node& node : nodes_) {
    if (!node.loss) continue;
    const bool root = std::any_of(roots.begin(), roots.end(),
                                  [&](const Tensor& y) { return y.variable() == node.variable; });
    if (!root)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[tape] '{}' was recorded as a loss, but backward() does not start "
                              "from it: hand over all losses as roots, each with its weight in its "
                              "scale, and do not compute with a loss",
                              node.operation));
  }
}

void Tape::backward(std::span<const Tensor> roots) {
  for (std::size_t i = 0; i < roots.size(); ++i) {
    require_root(roots[i]);
    for (std::size_t j = 0; j < i; ++j)
      if (roots[j].variable() == roots[i].variable())
        throw Error(ErrorCode::invalid_argument,
                    "[tape] backward was given the same root twice: a factor of 2 belongs into the "
                    "loss's scale");
  }
  require_all_losses(roots);
  for (const Tensor& y : roots) {
    Variable& variable = variable_of(y.variable());
    if (variable.loss) continue;  // its closure knows
    variable.gradient = ctx_.empty(y.shape(), gradient_type(y.dtype()));
    kernels::fill(ctx_.stream(), variable.gradient, 1);
  }
  run_closures();
}

void Tape::backward(const Tensor& y, Tensor dy) {
  require_root(y);
  require_all_losses({});
  variable_of(y.variable()).gradient = std::move(dy);
  run_closures();
}

void Tape::run_closures() {
  ran_ = true;
  Gradients gradients(*this);
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    Variable& variable = variable_of(node->variable);
    const Tensor gradient = std::move(variable.gradient);
    running_ = node->operation;
    if (gradient || node->loss) node->run(node->closure, gradients, gradient);
    node->destroy(node->closure);
    node->closure = nullptr;
    if (variable.recipe >= 0) recipes_[static_cast<std::size_t>(variable.recipe)].made = {};
  }
  nodes_.clear();
  running_ = nullptr;
}

const Tensor& Tape::parameter_gradient(const InputRef& parameter) const {
  const auto index = static_cast<std::size_t>(-1 - parameter.variable);
  for (const Group& group : groups_)
    if (group.weights.get() == parameter.storage && index < group.gradients.size())
      return group.gradients[index];
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[tape] '{}' reads a trainable parameter {} whose model was not bound to "
                          "this tape: bind() its parameters, or freeze the model",
                          running_ ? running_ : "an operation", parameter.shape.to_string()));
}

Tape::Variable& Tape::input_of(const InputRef& input) {
  if (!recorded(input.variable, input.storage))
    throw Error(ErrorCode::internal,
                fmt::format("[tape] '{}' reads a value {} that another tape recorded",
                            running_ ? running_ : "an operation", input.shape.to_string()));
  Variable& variable = variable_of(input.variable);
  if (variable.loss)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[tape] '{}' computes with the result of '{}', a loss, whose gradient "
                            "was taken to be 1: give the loss its weight as its scale, and hand "
                            "all losses to backward()",
                            running_ ? running_ : "an operation", variable.loss));
  return variable;
}

std::vector<TapeReportLine> Tape::report() const {
  std::vector<TapeReportLine> lines;
  for (const Node& node : nodes_) {
    auto line = std::find_if(lines.begin(), lines.end(), [&](const TapeReportLine& l) {
      return l.operation == node.operation;
    });
    if (line == lines.end()) line = lines.insert(lines.end(), {node.operation, 0, 0});
    ++line->count;
    line->bytes += node.kept_bytes;
  }
  std::stable_sort(
      lines.begin(), lines.end(),
      [](const TapeReportLine& a, const TapeReportLine& b) { return a.bytes > b.bytes; });
  return lines;
}

kernels::GradientOut Gradients::into(const InputRef& input) {
  if (input.variable == 0) return {};
  if (input.variable < 0) return {tape_.parameter_gradient(input), true};
  Tensor& gradient = tape_.input_of(input).gradient;
  if (gradient) return {gradient, true};
  gradient = ctx().empty(input.shape, gradient_type(input.dtype));
  return {gradient, false};
}

void Gradients::pass(const InputRef& input, const Tensor& dy) {
  if (input.variable == 0) return;
  if (input.variable > 0) {
    Tensor& gradient = tape_.input_of(input).gradient;
    if (!gradient) {
      gradient = dy;
      return;
    }
  }
  kernels::add(stream(), dy, into(input));
}

Tensor Gradients::value(const Kept& kept) {
  if (kept.recipe_ < 0) return kept.tensor_;
  Tape::RecipeEntry& recipe = tape_.recipes_[static_cast<std::size_t>(kept.recipe_)];
  if (!recipe.made) recipe.made = recipe.make(recipe.closure, *this);
  return recipe.made;
}

}  // namespace stemma::ops
