// How a model's parameter is stored: its layout in memory apart from the encoding of its elements.
//
//   Weight w(Tensor::empty({768, 3072}, DType::bf16));   // rows of bf16: out 768, in 3072
//   Weight p = kernels::pack_weight(stream, w, DType::f16);  // the same matrix in panels of f16
//
// Layers hand weights around without asking how they are stored; only the operations linear,
// embedding and cross_entropy, and the kernels below them, look inside. So a new encoding changes
// those and no model. A copy of a Weight shares the memory of the original.
//
// Training updates rows of f32 (f64 in tests). Every other storage is frozen: gradients pass
// through it to the layer's input, but none goes to the weight itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/tensor.h"

namespace stemma {

class Weight {
 public:
  // Where the elements lie.
  enum class Layout : std::uint8_t {
    rows,    // row-major
    panels,  // matrices only: 32 output rows side by side, as the matrix product reads them
             // (kernels/matmul.h): element (o, i) is value()[o / 32][i][o % 32]
  };
  // What one element is.
  enum class Encoding : std::uint8_t { f32, bf16, f16, f64 };

  Weight() = default;  // empty: holds nothing

  // rows: a vector [size], a matrix [out, in] or the matrices of E experts [E, out, in], in f32,
  // bf16, f16 or f64. Throws invalid_argument for another rank or element type.
  explicit Weight(Tensor value);
  // panels: value is [ceil(out / 32), in, 32], those past `out` zero.
  static Weight panels(Tensor value, std::int64_t out);

  explicit operator bool() const { return static_cast<bool>(values_); }
  Layout layout() const { return layout_; }
  Encoding encoding() const { return encoding_; }
  DType dtype() const { return values_.dtype(); }  // of the elements of value()

  // The shape of the parameter itself, whatever its layout.
  const Shape& shape() const { return shape_; }
  bool is_matrix() const { return shape_.rank() == 2; }
  // A vector [size] has out = size, in = 1; vectors and matrices have experts = 1. An empty weight
  // has out = in = 0.
  std::int64_t out() const;
  std::int64_t in() const;
  std::int64_t experts() const;

  const Tensor& value() const { return values_; }
  // One scale per block of values, for encodings that have them; empty for all encodings so far.
  const Tensor& scales() const { return scales_; }

  // Whether training can update it: rows of f32 or f64.
  bool trainable_storage() const {
    return layout_ == Layout::rows && (encoding_ == Encoding::f32 || encoding_ == Encoding::f64);
  }

 private:
  Tensor values_, scales_;
  Shape shape_;
  Layout layout_ = Layout::rows;
  Encoding encoding_ = Encoding::f32;
};

std::string_view to_string(Weight::Layout layout);
std::string_view to_string(Weight::Encoding encoding);

}  // namespace stemma
