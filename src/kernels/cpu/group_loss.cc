// A few numbers an example: scalar code in f64, one example a task.
#include "kernels/group_loss.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/kernel_rows.h"

namespace stemma::kernels {
namespace {

void check_groups(const Tensor& logits, const GroupTargets& t, const Tensor& losses,
                  const Tensor& gradient) {
  const auto fail = [](const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "[group_loss] " + what);
  };
  if (!logits.contiguous()) fail("logits must have no gaps between their rows");
  if (t.offsets.empty() || t.offsets.front() != 0 || t.offsets.back() != logits.elements() ||
      !std::is_sorted(t.offsets.begin(), t.offsets.end()))
    fail(fmt::format("offsets must ascend from 0 to the number of logits, {}", logits.elements()));
  const std::int64_t groups = static_cast<std::int64_t>(t.offsets.size()) - 1;
  if (static_cast<std::int64_t>(t.wanted.size()) != logits.elements())
    fail(fmt::format("{} logits need as many targets, got {}", logits.elements(), t.wanted.size()));
  if (!t.weight.empty() && static_cast<std::int64_t>(t.weight.size()) != groups)
    fail(fmt::format("{} groups need as many weights or none, got {}", groups, t.weight.size()));
  if (losses.elements() != groups || losses.dtype() != DType::f64)
    fail(fmt::format("losses must be [{}, 1] f64", groups));
  if (gradient && (gradient.shape() != logits.shape() || gradient.dtype() != logits.dtype() ||
                   !gradient.contiguous()))
    fail("the gradient must have the shape and the type of the logits");
}

// One group: its loss, and the gradient times `factor` where `d` is there.
template <class T>
struct Group {
  const T* z;
  const float* wanted;
  std::int64_t size;
  T* d;
  double factor;

  double logit(std::int64_t i) const { return static_cast<double>(z[i]); }
  double want(std::int64_t i) const { return static_cast<double>(wanted[i]); }
  void set(std::int64_t i, double value) const {
    if (d) d[i] = static_cast<T>(value * factor);
  }

  double softmax() const {
    double top = -HUGE_VAL, sum = 0, loss = 0, mass = 0;
    for (std::int64_t i = 0; i < size; ++i) top = std::max(top, logit(i));
    for (std::int64_t i = 0; i < size; ++i) sum += std::exp(logit(i) - top);
    const double log_sum = top + std::log(sum);
    for (std::int64_t i = 0; i < size; ++i) {
      // A wanted share of 0 counts nothing, whatever its logit.
      if (want(i) != 0) loss += want(i) * (log_sum - logit(i));
      mass += want(i);
    }
    for (std::int64_t i = 0; i < size; ++i) set(i, mass * std::exp(logit(i) - log_sum) - want(i));
    return loss;
  }

  double sigmoid() const {
    double loss = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      // log(1 + exp z) without overflow.
      loss +=
          std::max(logit(i), 0.0) + std::log1p(std::exp(-std::abs(logit(i)))) - want(i) * logit(i);
      set(i, 1 / (1 + std::exp(-logit(i))) - want(i));
    }
    return loss;
  }

  double squared() const {
    double loss = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      const double error = logit(i) - want(i);
      loss += error * error;
      set(i, 2 * error);
    }
    return loss;
  }

  double loss(GroupLoss kind) const {
    switch (kind) {
      case GroupLoss::softmax:
        return softmax();
      case GroupLoss::sigmoid:
        return sigmoid();
      case GroupLoss::squared:
        return squared();
    }
    return 0;
  }
};

template <class T>
void run_groups(Stream& stream, GroupLoss kind, const Tensor& logits, const GroupTargets& t,
                double scale, const Tensor& losses, const Tensor& gradient) {
  const T* const z = logits.data<T>();
  T* const d = gradient ? gradient.data<T>() : nullptr;
  double* const out = losses.data<double>();
  const std::int64_t groups = losses.elements();
  const std::int64_t width = groups > 0 ? logits.elements() / groups + 1 : 1;
  cpu::for_rows(stream, groups, width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      const auto i = static_cast<std::size_t>(g);
      const std::int64_t at = t.offsets[i];
      const double weight = t.weight.empty() ? 1.0 : static_cast<double>(t.weight[i]);
      const Group<T> group{z + at, t.wanted.data() + at, t.offsets[i + 1] - at,
                           d ? d + at : nullptr, scale * weight};
      out[g] = group.size > 0 ? weight * group.loss(kind) : 0.0;
    }
  });
}

}  // namespace

void group_loss_rows(Stream& stream, GroupLoss kind, const Tensor& logits,
                     const GroupTargets& targets, double scale, const Tensor& losses,
                     const Tensor& gradient) {
  check_groups(logits, targets, losses, gradient);
  if (logits.dtype() == DType::f32)
    run_groups<float>(stream, kind, logits, targets, scale, losses, gradient);
  else if (logits.dtype() == DType::f64)
    run_groups<double>(stream, kind, logits, targets, scale, losses, gradient);
  else
    cpu::refuse_types("group_loss", logits, losses);
}

}  // namespace stemma::kernels
