#include "kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cross_entropy.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

// The largest of n numbers. (A NaN may be passed over; it comes back in the sum.)
float row_max(const float* x, std::int64_t n) {
  const F32 d;
  const auto lowest = hn::Set(d, -__builtin_inff());
  Sum<F32> best;
  for (auto& part : best.part) part = lowest;
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t v, std::size_t i, std::size_t count) STEMMA_LANES {
                auto value = load(d, x + i, count);
                if (count < hn::Lanes(d))
                  value = hn::IfThenElse(hn::FirstN(d, count), value, lowest);
                best.part[v] = hn::Max(best.part[v], value);
              });
  auto all = best.part[0];
  for (const auto& part : best.part) all = hn::Max(all, part);
  return hn::GetLane(hn::MaxOfLanes(d, all));
}

// Sum of exp(x - max); the exponentials go to `to` unless it is null. Blocks of 4096 are summed in
// f32 lanes, the blocks in f64, ascending: rows of 200,000 keep 6 digits.
double row_exp_sum(const float* x, float max, float* to, std::int64_t n) {
  constexpr std::int64_t kBlock = 4096;
  const F32 d;
  const auto max_v = hn::Set(d, max);
  double total = 0;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t size = n - begin < kBlock ? n - begin : kBlock;
    Sum<F32> sum;
    for_vectors(d, static_cast<std::size_t>(size),
                [&](std::size_t v, std::size_t i, std::size_t count) STEMMA_LANES {
                  auto e = exp(d, hn::Sub(load(d, x + begin + i, count), max_v));
                  if (count < hn::Lanes(d)) e = hn::IfThenElseZero(hn::FirstN(d, count), e);
                  if (to) store(d, e, to + begin + i, count);
                  sum.part[v] = hn::Add(sum.part[v], e);
                });
    total += static_cast<double>(sum.total());
  }
  return total;
}

void row_scale(float* x, float factor, std::int64_t n) {
  const F32 d;
  const auto f = hn::Set(d, factor);
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t, std::size_t i, std::size_t count)
                  STEMMA_LANES { store(d, hn::Mul(load(d, x + i, count), f), x + i, count); });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

struct RowKernels {
  float (*max)(const float*, std::int64_t);
  double (*exp_sum)(const float*, float, float*, std::int64_t);
  void (*scale)(float*, float, std::int64_t);
};

double row_loss(const RowKernels& k, float* x, std::int64_t n, std::int32_t target,
                std::optional<double> gradient_scale) {
  const float max = k.max(x, n);
  const float logit = x[target];
  const double sum = k.exp_sum(x, max, gradient_scale ? x : nullptr, n);
  if (gradient_scale) {
    const double at_target = (static_cast<double>(x[target]) / sum - 1) * *gradient_scale;
    k.scale(x, static_cast<float>(*gradient_scale / sum), n);
    x[target] = static_cast<float>(at_target);
  }
  return std::log(sum) + (static_cast<double>(max) - static_cast<double>(logit));
}

double row_loss(const RowKernels&, double* x, std::int64_t n, std::int32_t target,
                std::optional<double> gradient_scale) {
  const double max = *std::max_element(x, x + n);
  double sum = 0;
  for (std::int64_t v = 0; v < n; ++v) sum += std::exp(x[v] - max);
  const double loss = std::log(sum) + max - x[target];
  if (gradient_scale)
    for (std::int64_t v = 0; v < n; ++v)
      x[v] = (std::exp(x[v] - max) / sum - (v == target ? 1 : 0)) * *gradient_scale;
  return loss;
}

template <class T>
void all_rows(Stream& stream, const Tensor& logits, std::span<const std::int32_t> targets,
              std::optional<double> gradient_scale, const Tensor& losses) {
  const RowKernels kernels{STEMMA_PICK_PATH(row_max), STEMMA_PICK_PATH(row_exp_sum),
                           STEMMA_PICK_PATH(row_scale)};
  const std::int64_t cols = logits.cols();
  T* const data = logits.data<T>();
  double* const loss_of = losses.data<double>();
  cpu::for_rows(stream, logits.rows(), cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T* const row = data + i * logits.row_stride();
      const std::int32_t target = targets[static_cast<std::size_t>(i)];
      double& loss = loss_of[i];
      if (target >= 0) {
        loss = row_loss(kernels, row, cols, target, gradient_scale);
      } else {
        loss = 0;
        if (gradient_scale) std::fill(row, row + cols, T(0));
      }
    }
  });
}

}  // namespace

void cross_entropy_rows(Stream& stream, const Tensor& logits, std::span<const std::int32_t> targets,
                        std::optional<double> gradient_scale, const Tensor& losses) {
  const std::int64_t rows = logits.rows(), cols = logits.cols();
  if (static_cast<std::int64_t>(targets.size()) != rows)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[cross_entropy] {} rows of logits need as many targets, got {}", rows,
                            targets.size()));
  cpu::check_vector("cross_entropy", "losses", losses, rows, DType::f64);
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (targets[i] >= cols)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[cross_entropy] target {} of row {} must be below the vocabulary "
                              "size {}: is the data of another tokenizer?",
                              targets[i], i, cols));
  if (logits.dtype() == DType::f32)
    all_rows<float>(stream, logits, targets, gradient_scale, losses);
  else if (logits.dtype() == DType::f64)
    all_rows<double>(stream, logits, targets, gradient_scale, losses);
  else
    cpu::refuse_types("cross_entropy", logits, logits);
}

}  // namespace stemma::kernels
#endif
