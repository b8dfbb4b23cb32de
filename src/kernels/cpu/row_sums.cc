#include "kernels/cpu/highway_paths.h"
#include "kernels/elementwise.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/row_sums.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

// sums[c] = x[0, c] + x[1, c] + ..., one chain; four rows at a time to save trips to the cache.
template <class T>
void sum_block(const T* x, std::int64_t stride, std::int64_t rows, T* sums, std::int64_t cols) {
  const hn::ScalableTag<T> d;
  const std::size_t n = static_cast<std::size_t>(cols);
  const auto zero = hn::Zero(d);
  for_vectors(d, n, [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
    store(d, zero, sums + i, count);
  });
  std::int64_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const T* p = x + row * stride;
    for_vectors(d, n, [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
      auto sum = hn::Add(load(d, sums + i, count), load(d, p + i, count));
      sum = hn::Add(sum, load(d, p + stride + i, count));
      sum = hn::Add(sum, load(d, p + 2 * stride + i, count));
      store(d, hn::Add(sum, load(d, p + 3 * stride + i, count)), sums + i, count);
    });
  }
  for (; row < rows; ++row) {
    const T* p = x + row * stride;
    for_vectors(d, n, [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
      store(d, hn::Add(load(d, sums + i, count), load(d, p + i, count)), sums + i, count);
    });
  }
}

double squares_block(const float* x, std::int64_t n) {
  const F64 d;
  const hn::Rebind<float, F64> d32;
  Sum<F64> sum;
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t v, std::size_t i, std::size_t count) STEMMA_LANES {
                const auto wide = hn::PromoteTo(
                    d, count < hn::Lanes(d) ? hn::MaskedLoad(hn::FirstN(d32, count), d32, x + i)
                                            : hn::LoadU(d32, x + i));
                sum.part[v] = hn::MulAdd(wide, wide, sum.part[v]);
              });
  return sum.total();
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

template <class T>
void sum_typed(Stream& stream, const Tensor& x, const GradientOut& out) {
  constexpr std::int64_t kSlice = 1024;  // columns of one task: the sums stay in the first cache
  const std::int64_t n = x.rows(), cols = x.cols();
  const std::int64_t blocks = (n + cpu::kRowBlock - 1) / cpu::kRowBlock;
  const std::int64_t slices = (cols + kSlice - 1) / kSlice;
  T* const sums = reinterpret_cast<T*>(
      stream.shared_scratch(static_cast<std::size_t>(blocks * cols) * sizeof(T)));
  const T* const data = x.data<T>();
  const auto kernel = STEMMA_PICK_PATH(sum_block<T>);
  stream.workers().for_each(
      blocks * slices, 1, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
        const cpu::FlushDenormals flush;
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t block = i / slices, first = i % slices * kSlice;
          const std::int64_t row = block * cpu::kRowBlock;
          kernel(data + row * x.row_stride() + first, x.row_stride(),
                 n - row < cpu::kRowBlock ? n - row : cpu::kRowBlock, sums + block * cols + first,
                 cols - first < kSlice ? cols - first : kSlice);
        }
      });
  cpu::add_blocks(stream, sums, blocks, cols, out);
}

}  // namespace

void sum_rows(Stream& stream, const Tensor& x, const GradientOut& out) {
  if (!out) return;
  cpu::check_vector("sum_rows", "out", out.tensor, x.cols(), x.dtype());
  if (x.dtype() == DType::f32)
    sum_typed<float>(stream, x, out);
  else if (x.dtype() == DType::f64)
    sum_typed<double>(stream, x, out);
  else
    cpu::refuse_types("sum_rows", x, out.tensor);
}

double sum_of_squares(Stream& stream, std::span<const float> x) {
  constexpr std::int64_t kBlock = 65536;
  const std::int64_t n = static_cast<std::int64_t>(x.size());
  const std::int64_t blocks = (n + kBlock - 1) / kBlock;
  double* const sums = reinterpret_cast<double*>(
      stream.shared_scratch(static_cast<std::size_t>(blocks) * sizeof(double)));
  const auto kernel = STEMMA_PICK_PATH(squares_block);
  stream.workers().for_each(n, kBlock, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
    const cpu::FlushDenormals flush;
    sums[begin / kBlock] = kernel(x.data() + begin, end - begin);
  });
  double total = 0;
  for (std::int64_t b = 0; b < blocks; ++b) total += sums[b];
  return total;
}

}  // namespace stemma::kernels
#endif
