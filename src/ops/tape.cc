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

Tape::Tape(Context& ctx, std::span<const Tensor> parameter_gradients, Recompute recompute)
    : ctx_(ctx), parameter_gradients_(parameter_gradients), recompute_(recompute) {}

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
}

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
  variables_.push_back({{}, -1, true});
  value.set_variable(static_cast<std::int32_t>(variables_.size()));
}

Tensor Tape::take_gradient(const Tensor& input) {
  return std::move(variables_[static_cast<std::size_t>(input.variable()) - 1].gradient);
}

void Tape::add_node(const char* operation, Tensor& y, void* closure, Run run, Destroy destroy) {
  variables_.emplace_back();
  y.set_variable(static_cast<std::int32_t>(variables_.size()));
  nodes_.push_back({operation, closure, run, destroy, y.variable(), pending_bytes_});
  pending_bytes_ = 0;
}

void Tape::add_recipe(const Tensor& y, void* closure, Make make, Destroy destroy) {
  recipes_.push_back({closure, make, destroy, {}});
  variables_[static_cast<std::size_t>(y.variable()) - 1].recipe =
      static_cast<std::int32_t>(recipes_.size()) - 1;
}

Kept Tape::keep(const Tensor& value) {
  Kept kept;
  if (value.variable() > 0)
    kept.recipe_ = variables_[static_cast<std::size_t>(value.variable()) - 1].recipe;
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

void Tape::backward(const Tensor& y, Tensor dy) {
  if (y.variable() <= 0 || static_cast<std::size_t>(y.variable()) > variables_.size())
    throw Error(ErrorCode::internal, "[tape] backward from a value that this tape did not record");
  if (!dy) {
    dy = ctx_.empty(y.shape(), gradient_type(y.dtype()));
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      if (dy.dtype() == DType::f64)
        dy.data<double>()[i] = 1;
      else
        dy.data<float>()[i] = 1;
    }
  }
  variables_[static_cast<std::size_t>(y.variable()) - 1].gradient = std::move(dy);
  Gradients gradients(*this);
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    Variable& variable = variables_[static_cast<std::size_t>(node->variable) - 1];
    const Tensor gradient = std::move(variable.gradient);
    if (gradient) node->run(node->closure, gradients, gradient);
    node->destroy(node->closure);
    node->closure = nullptr;
    if (variable.recipe >= 0) recipes_[static_cast<std::size_t>(variable.recipe)].made = {};
  }
  nodes_.clear();
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

kernels::GradientOut Gradients::into(std::int32_t variable, const Shape& shape, DType value_type) {
  if (variable == 0) return {};
  if (variable < 0)
    return {tape_.parameter_gradients_[static_cast<std::size_t>(-1 - variable)], true};
  Tensor& gradient = tape_.variables_[static_cast<std::size_t>(variable) - 1].gradient;
  if (gradient) return {gradient, true};
  gradient = ctx().empty(shape, gradient_type(value_type));
  return {gradient, false};
}

void Gradients::pass(std::int32_t variable, const Tensor& dy) {
  if (variable == 0) return;
  if (variable > 0) {
    Tensor& gradient = tape_.variables_[static_cast<std::size_t>(variable) - 1].gradient;
    if (!gradient) {
      gradient = dy;
      return;
    }
  }
  kernels::add(stream(), dy, into(variable, dy.shape(), dy.dtype()));
}

Tensor Gradients::value(const Kept& kept) {
  if (kept.recipe_ < 0) return kept.tensor_;
  Tape::RecipeEntry& recipe = tape_.recipes_[static_cast<std::size_t>(kept.recipe_)];
  if (!recipe.made) recipe.made = recipe.make(recipe.closure, *this);
  return recipe.made;
}

}  // namespace stemma::ops
