// The matrix product in scalar code: the test oracle, and the product of f64.
#include <algorithm>
#include <cmath>
#include <limits>

#include "device/cpu.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/matmul/kernels.h"

// std::fma as one instruction; every machine that Stemma runs on has it.
#define STEMMA_FMA __attribute__((target("fma")))

namespace stemma::kernels {
namespace cpu {
namespace {

constexpr std::int64_t kColumns = 32;  // of one row of C at a time

// What becomes of an f32 or f16 operand. The instruction that AVX512-BF16 has for it takes
// denormals as 0 even where they would round to a normal number.
enum class Rounding : std::uint8_t { none, bf16, bf16_of_normal };

// Columns [col, col + count) of row k of B, or element (row, k) of A, in the type of the
// arithmetic.
template <class T>
T element(const Operand& operand, std::int64_t at, Rounding rounding) {
  if constexpr (sizeof(T) == 8) {
    return static_cast<const double*>(operand.data)[at];
  } else {
    if (operand.dtype == DType::bf16) return to_float(static_cast<const bf16*>(operand.data)[at]);
    const float x = operand.dtype == DType::f16
                        ? to_float(static_cast<const f16*>(operand.data)[at])
                        : static_cast<const float*>(operand.data)[at];
    if (rounding == Rounding::bf16_of_normal && std::abs(x) < std::numeric_limits<float>::min())
      return 0;
    return rounding == Rounding::none ? x : to_float(to_bf16(x));
  }
}

std::int64_t place_in_b(const MatmulArgs& args, std::int64_t k, std::int64_t n) {
  switch (args.b.layout) {
    case Operand::Layout::rows:
      return k * args.b.stride + n;
    case Operand::Layout::transposed:
      return n * args.b.stride + k;
    case Operand::Layout::transposed_panels:
      return (k / kPanelWidth * args.n + n) * kPanelWidth + k % kPanelWidth;
    case Operand::Layout::panels:
      break;
  }
  return (n / kPanelWidth * args.k + k) * kPanelWidth + n % kPanelWidth;
}

// totals[j] = the sum for column col + j: blocks of kReductionBlock k, each a chain from 0; on the
// path of AVX512-BF16 the odd k of each pair comes before the even one.
template <class T>
STEMMA_FMA void sums_of(const MatmulArgs& args, std::int64_t row, std::int64_t col,
                        std::int64_t count, T (&totals)[kColumns]) {
  const bool bf16_product = args.multiply == Multiply::bf16;
  const bool pairs = bf16_product && sizeof(T) == 4 && kernel_path() == KernelPath::avx512_bf16;
  const Rounding rounding = pairs          ? Rounding::bf16_of_normal
                            : bf16_product ? Rounding::bf16
                                           : Rounding::none;
  const bool a_in_rows = args.a.layout == Operand::Layout::rows;
  std::fill_n(totals, kColumns, T(0));
  for (std::int64_t first = 0; first < args.k; first += kReductionBlock) {
    T chain[kColumns] = {};
    const std::int64_t last = std::min(args.k, first + kReductionBlock);
    const std::int64_t steps = pairs ? (last - first + 1) / 2 * 2 : last - first;
    for (std::int64_t step = 0; step < steps; ++step) {
      const std::int64_t k = first + (pairs ? step ^ 1 : step);
      const std::int64_t at = a_in_rows ? row * args.a.stride + k : k * args.a.stride + row;
      const bool padding = k == last;
      const T x = padding ? T(0) : element<T>(args.a, at, rounding);
      for (std::int64_t j = 0; j < count; ++j) {
        const T y = padding ? T(0) : element<T>(args.b, place_in_b(args, k, col + j), rounding);
        chain[j] = std::fma(x, y, chain[j]);
      }
    }
    for (std::int64_t j = 0; j < count; ++j)
      totals[j] = first == 0 ? chain[j] : totals[j] + chain[j];
  }
}

template <class T, class C>
STEMMA_FMA void finish(const MatmulArgs& args, std::int64_t row, std::int64_t col,
                       std::int64_t count, const T (&totals)[kColumns]) {
  const T scale = static_cast<T>(args.scale);
  for (std::int64_t j = 0; j < count; ++j) {
    const std::int64_t n = col + j, at = row * args.c_stride + n;
    C& c = static_cast<C*>(args.c)[at];
    const auto set = [](C& to, T value) {
      if constexpr (sizeof(C) == 2)
        to = to_bf16(value);
      else
        to = value;
    };
    T v = args.bias ? std::fma(totals[j], scale, static_cast<const T*>(args.bias)[n])
                    : totals[j] * scale;
    if constexpr (sizeof(C) == 2)
      if (args.activation != Activation::none) v = to_float(to_bf16(v));
    if (args.pre) set(static_cast<C*>(args.pre)[at], v);
    activate(args.activation, &v, &v, 1);
    if (args.residual) v += static_cast<const T*>(args.residual)[row * args.residual_stride + n];
    if constexpr (sizeof(C) == sizeof(T))
      if (args.accumulate) v = c + v;
    set(c, v);
  }
}

template <class T, class C>
void row_of(const MatmulArgs& args, std::int64_t row) {
  T totals[kColumns];
  for (std::int64_t col = 0; col < args.n; col += kColumns) {
    const std::int64_t count = std::min(kColumns, args.n - col);
    sums_of<T>(args, row, col, count, totals);
    finish<T, C>(args, row, col, count, totals);
  }
}

}  // namespace

void reference_rows(const MatmulArgs& args, std::int64_t begin, std::int64_t end) {
  const FlushDenormals flush;
  for (std::int64_t row = begin; row < end; ++row) {
    if (args.c_dtype == DType::f64)
      row_of<double, double>(args, row);
    else if (args.c_dtype == DType::bf16)
      row_of<float, bf16>(args, row);
    else
      row_of<float, float>(args, row);
  }
}

}  // namespace cpu

void matmul_reference(const MatmulArgs& args) {
  cpu::check_matmul(args);
  cpu::reference_rows(args, 0, args.m);
}

}  // namespace stemma::kernels
