#include "tensor/weight.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma {
namespace {

constexpr std::int64_t kPanelRows = 32;  // output rows in one panel (kernels/matmul.h)

Weight::Encoding encoding_of(DType type) {
  switch (type) {
    case DType::f32:
      return Weight::Encoding::f32;
    case DType::bf16:
      return Weight::Encoding::bf16;
    case DType::f16:
      return Weight::Encoding::f16;
    case DType::f64:
      return Weight::Encoding::f64;
    case DType::i32:
      break;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[weight] elements must be f32, bf16, f16 or f64, got {}: convert them",
                          to_string(type)));
}

}  // namespace

std::string_view to_string(Weight::Layout layout) {
  return layout == Weight::Layout::rows ? "rows" : "panels";
}

std::string_view to_string(Weight::Encoding encoding) {
  switch (encoding) {
    case Weight::Encoding::f32:
      return "f32";
    case Weight::Encoding::bf16:
      return "bf16";
    case Weight::Encoding::f16:
      return "f16";
    case Weight::Encoding::f64:
      return "f64";
  }
  return "unknown";
}

Weight::Weight(Tensor value)
    : values_(std::move(value)), shape_(values_.shape()), encoding_(encoding_of(values_.dtype())) {
  if (shape_.rank() < 1 || shape_.rank() > 3)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[weight] must be [size], [out, in] or [experts, out, in], got {}",
                            shape_.to_string()));
}

Weight Weight::panels(Tensor value, std::int64_t out) {
  const std::int64_t panels = (out + kPanelRows - 1) / kPanelRows;
  if (value.shape().rank() != 3 || value.dim(2) != kPanelRows || value.dim(0) != panels)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[weight] {} output rows in panels must be [{}, in, {}], got {}", out,
                            panels, kPanelRows, value.shape().to_string()));
  Weight weight;
  weight.shape_ = {out, value.dim(1)};
  weight.layout_ = Layout::panels;
  weight.encoding_ = encoding_of(value.dtype());
  weight.values_ = std::move(value);
  return weight;
}

std::int64_t Weight::out() const {
  if (shape_.rank() == 0) return 0;
  return shape_.rank() == 3 ? shape_[1] : shape_[0];
}

std::int64_t Weight::in() const {
  if (shape_.rank() == 0) return 0;
  return shape_.rank() == 1 ? 1 : shape_[-1];
}

std::int64_t Weight::experts() const { return shape_.rank() == 3 ? shape_[0] : 1; }

}  // namespace stemma
