#include "checkpoint/transpose.h"

#include <algorithm>

namespace stemma::checkpoint {

void transpose(const Tensor& matrix, std::int64_t begin, std::int64_t end, float* out) {
  // Tiles that fit the first-level cache: both sides are read and written in short runs.
  constexpr std::int64_t kTile = 32;
  const float* in = matrix.data<float>();
  const std::int64_t rows = matrix.rows(), stride = matrix.row_stride();
  for (std::int64_t c0 = begin; c0 < end; c0 += kTile) {
    const std::int64_t c1 = std::min(end, c0 + kTile);
    for (std::int64_t r0 = 0; r0 < rows; r0 += kTile) {
      const std::int64_t r1 = std::min(rows, r0 + kTile);
      for (std::int64_t c = c0; c < c1; ++c)
        for (std::int64_t r = r0; r < r1; ++r) out[(c - begin) * rows + r] = in[r * stride + c];
    }
  }
}

Tensor transposed(const Tensor& matrix) {
  Tensor result = Tensor::empty({matrix.cols(), matrix.rows()}, DType::f32);
  transpose(matrix, 0, matrix.cols(), result.data<float>());
  return result;
}

}  // namespace stemma::checkpoint
