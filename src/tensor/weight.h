// The parameter matrix of a linear layer or an embedding, in one of its storage formats.
// Only linear, embedding and cross_entropy look inside.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace stemma {

class Weight {
 public:
  enum class Format : std::uint8_t {
    rows,    // [out, in] row-major f32, bf16 or f64: what training updates
    panels,  // packed for the matrix product (kernels/matmul.h): what inference reads
  };

  Weight() = default;
  // rows: value is [out, in].
  explicit Weight(Tensor value);
  // panels: value is [ceil(out / 32), in, 32], columns past `out` zero.
  static Weight panels(Tensor value, std::int64_t out);

  explicit operator bool() const { return static_cast<bool>(value_); }
  Format format() const { return format_; }
  DType dtype() const { return value_.dtype(); }
  std::int64_t out() const { return out_; }
  std::int64_t in() const { return in_; }
  const Tensor& value() const { return value_; }

 private:
  Tensor value_;
  std::int64_t out_ = 0, in_ = 0;
  Format format_ = Format::rows;
};

}  // namespace stemma
