#include "kernels/adamw.h"

#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/adamw.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

#ifndef STEMMA_KERNELS_CPU_ADAMW_FACTORS
#define STEMMA_KERNELS_CPU_ADAMW_FACTORS
namespace stemma::kernels {

// The settings of a step, computed in f64 and rounded once.
struct AdamWFactors {
  float gradient_scale, mix_m, beta2, mix_v, keep, root, eps, rate;
};

}  // namespace stemma::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

void adamw_piece(const AdamWFactors& f, float* w, float* g, float* m, float* v, std::int64_t n) {
  const F32 d;
  const auto scale = hn::Set(d, f.gradient_scale), mix_m = hn::Set(d, f.mix_m);
  const auto beta2 = hn::Set(d, f.beta2), mix_v = hn::Set(d, f.mix_v);
  const auto keep = hn::Set(d, f.keep), root = hn::Set(d, f.root);
  const auto eps = hn::Set(d, f.eps), rate = hn::Set(d, f.rate);
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
                const auto gradient = hn::Mul(load(d, g + i, count), scale);
                const auto m_old = load(d, m + i, count);
                const auto m_new = hn::MulAdd(mix_m, hn::Sub(gradient, m_old), m_old);
                const auto v_new = hn::MulAdd(hn::Mul(mix_v, gradient), gradient,
                                              hn::Mul(beta2, load(d, v + i, count)));
                const auto bound = hn::MulAdd(hn::Sqrt(v_new), root, eps);
                const auto step = hn::Div(hn::Mul(rate, m_new), bound);
                const auto kept = hn::Mul(load(d, w + i, count), keep);
                store(d, hn::Sub(kept, step), w + i, count);
                store(d, m_new, m + i, count);
                store(d, v_new, v + i, count);
                store(d, hn::Zero(d), g + i, count);
              });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {

void adamw(Stream& stream, const AdamWSettings& s, std::span<float> weights,
           std::span<float> gradients, std::span<float> m, std::span<float> v) {
  if (gradients.size() != weights.size() || m.size() != weights.size() ||
      v.size() != weights.size())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[adamw] weights, gradients, m and v must have one length, got {}, {}, "
                            "{} and {}",
                            weights.size(), gradients.size(), m.size(), v.size()));
  if (s.step < 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[adamw] steps count from 1, got {}", s.step));
  const double t = static_cast<double>(s.step);
  const AdamWFactors factors{.gradient_scale = static_cast<float>(s.gradient_scale),
                             .mix_m = static_cast<float>(1 - s.beta1),
                             .beta2 = static_cast<float>(s.beta2),
                             .mix_v = static_cast<float>(1 - s.beta2),
                             .keep = static_cast<float>(1 - s.lr * s.weight_decay),
                             .root = static_cast<float>(1 / std::sqrt(1 - std::pow(s.beta2, t))),
                             .eps = static_cast<float>(s.eps),
                             .rate = static_cast<float>(s.lr / (1 - std::pow(s.beta1, t)))};
  const auto kernel = STEMMA_PICK_PATH(adamw_piece);
  cpu::for_pieces(stream, 1, static_cast<std::int64_t>(weights.size()), true,
                  [&](std::int64_t, std::int64_t first, std::int64_t count) {
                    kernel(factors, weights.data() + first, gradients.data() + first,
                           m.data() + first, v.data() + first, count);
                  });
}

}  // namespace stemma::kernels
#endif
