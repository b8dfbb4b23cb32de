// A few narrow matrices: scalar code.
#include "kernels/importance.h"

#include <cmath>

#include "base/error.h"
#include "kernels/cpu/kernel_rows.h"

namespace stemma::kernels {
namespace {

void check_importance(const char* name, const Tensor& tensor, const Tensor& value) {
  cpu::check_matrix("importance", name, tensor, value.rows(), value.cols());
  if (tensor.dtype() != DType::f32) cpu::refuse_types("importance", value, tensor);
  if (!tensor.contiguous())
    throw Error(ErrorCode::invalid_argument, "[importance] the rows of its tensors have no gaps");
}

}  // namespace

void update_importance(Stream& stream, const ImportanceSettings& settings, const Tensor& value,
                       const Tensor& gradient, const Importance& importance) {
  check_importance("value", value, value);
  check_importance("gradient", gradient, value);
  check_importance("sensitivity", importance.sensitivity, value);
  check_importance("uncertainty", importance.uncertainty, value);
  const auto beta1 = static_cast<float>(settings.beta1),
             mix1 = static_cast<float>(1 - settings.beta1);
  const auto beta2 = static_cast<float>(settings.beta2),
             mix2 = static_cast<float>(1 - settings.beta2);
  const auto scale = static_cast<float>(settings.gradient_scale);
  const float* const v = value.data<float>();
  const float* const g = gradient.data<float>();
  float* const s = importance.sensitivity.data<float>();
  float* const u = importance.uncertainty.data<float>();
  cpu::for_pieces(stream, value.rows(), value.cols(), true,
                  [=](std::int64_t, std::int64_t first, std::int64_t count) {
                    for (std::int64_t i = first; i < first + count; ++i) {
                      const float now = std::abs(v[i] * (g[i] * scale));
                      s[i] = beta1 * s[i] + mix1 * now;
                      u[i] = beta2 * u[i] + mix2 * std::abs(now - s[i]);
                    }
                  });
}

}  // namespace stemma::kernels
