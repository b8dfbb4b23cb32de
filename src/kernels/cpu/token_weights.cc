#include "kernels/token_weights.h"

#include <algorithm>

#include "kernels/cpu/denormals.h"
#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/token_weights.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

float weights_piece(const float* scores, float highest, float factor, float* weights,
                    std::size_t count) {
  const F32 d;
  const auto top = hn::Set(d, highest), scale = hn::Set(d, factor);
  Sum<F32> total;
  for_vectors(d, count, [&](std::size_t part, std::size_t i, std::size_t n) STEMMA_LANES {
    const auto x = hn::Mul(hn::Sub(load(d, scores + i, n), top), scale);
    const auto weight = hn::IfThenElseZero(hn::FirstN(d, n), exp(d, x));
    total.part[part] = hn::Add(total.part[part], weight);
    store(d, weight, weights + i, n);
  });
  return total.total();
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {

double token_weights(std::span<const float> scores, float highest, float factor,
                     std::span<float> weights) {
  constexpr std::size_t kBlock = 1024;  // whose sum is f32
  const cpu::FlushDenormals flush;
  const auto piece = STEMMA_PICK_PATH(weights_piece);
  double sum = 0;
  for (std::size_t begin = 0; begin < scores.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, scores.size() - begin);
    sum += static_cast<double>(
        piece(scores.data() + begin, highest, factor, weights.data() + begin, count));
  }
  return sum;
}

}  // namespace stemma::kernels
#endif
