// Helpers of the kernels that work row by row or element by element: checks of shapes, and loops
// that divide rows or pieces of rows among the workers.
#pragma once

#include <cstdint>
#include <string_view>

#include "device/stream.h"
#include "kernels/cpu/denormals.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"

namespace stemma::kernels::cpu {

// Rows that one partial sum covers, whatever the number of threads.
inline constexpr std::int64_t kRowBlock = 256;
// Elements that one task of an element-wise kernel covers: 64 KiB of f32.
inline constexpr std::int64_t kElementBlock = 16384;

// Throw invalid_argument "[kernel] name must be ..., got ...".
void check_matrix(std::string_view kernel, std::string_view name, const Tensor& tensor,
                  std::int64_t rows, std::int64_t cols);
void check_vector(std::string_view kernel, std::string_view name, const Tensor& tensor,
                  std::int64_t elements, DType type);
[[noreturn]] void refuse_types(std::string_view kernel, const Tensor& x, const Tensor& y);

// task(row, first column, columns) for pieces that cover a [rows, cols] matrix, in parallel, with
// denormals flushed. `flat`: all matrices are contiguous, so it is one long row.
template <class Task>
void for_pieces(Stream& stream, std::int64_t rows, std::int64_t cols, bool flat, Task&& task) {
  if (rows <= 0 || cols <= 0) return;
  if (flat) {
    cols *= rows;
    rows = 1;
  }
  const std::int64_t pieces = (cols + kElementBlock - 1) / kElementBlock;
  const std::int64_t grain = cols < kElementBlock ? kElementBlock / cols : 1;
  stream.workers().for_each(
      rows * pieces, grain, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
        const FlushDenormals flush;
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t first = i % pieces * kElementBlock;
          const std::int64_t left = cols - first;
          task(i / pieces, first, left < kElementBlock ? left : kElementBlock);
        }
      });
}

// task(first row, last row) over ranges of whole rows worth about kElementBlock elements.
template <class Task>
void for_rows(Stream& stream, std::int64_t rows, std::int64_t cols, Task&& task) {
  const std::int64_t grain = cols > 0 && cols < kElementBlock ? kElementBlock / cols : 1;
  stream.workers().for_each(rows, grain, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
    const FlushDenormals flush;
    task(begin, end);
  });
}

// out[c] (+)= blocks[0][c] + blocks[1][c] + ..., ascending; block b starts at blocks + b * stride.
template <class T>
void add_blocks(Stream& stream, const T* blocks, std::int64_t count, std::int64_t stride,
                const GradientOut& out);

}  // namespace stemma::kernels::cpu
