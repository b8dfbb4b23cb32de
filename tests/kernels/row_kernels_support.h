// What the tests of the row kernels share: random tensors, every kernel path, finite differences.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "device/cpu.h"
#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::test {

inline const std::vector<std::int64_t> kWidths = {1, 3, 17, 768, 1000};

// A [rows, cols] view with `gap` unused columns behind each row, filled with a marker.
inline Tensor strided(std::int64_t rows, std::int64_t cols, std::int64_t gap, DType type) {
  const Tensor whole = Tensor::zeros({rows, cols + gap}, type);
  std::memset(whole.raw(), 0x5A, static_cast<std::size_t>(whole.elements()) * size_of(type));
  return whole.columns(0, cols);
}

inline double get(const Tensor& t, std::int64_t row, std::int64_t col) {
  const std::int64_t i = row * t.row_stride() + col;
  if (t.dtype() == DType::f64) return t.data<double>()[i];
  if (t.dtype() == DType::bf16) return static_cast<double>(to_float(t.data<bf16>()[i]));
  if (t.dtype() == DType::f16) return static_cast<double>(to_float(t.data<f16>()[i]));
  return static_cast<double>(t.data<float>()[i]);
}

inline void set(const Tensor& t, std::int64_t row, std::int64_t col, double value) {
  const std::int64_t i = row * t.row_stride() + col;
  if (t.dtype() == DType::f64)
    t.data<double>()[i] = value;
  else if (t.dtype() == DType::bf16)
    t.data<bf16>()[i] = to_bf16(static_cast<float>(value));
  else if (t.dtype() == DType::f16)
    t.data<f16>()[i] = to_f16(static_cast<float>(value));
  else
    t.data<float>()[i] = static_cast<float>(value);
}

// Normal numbers, the same for every run and type.
inline Tensor fill_random(const Tensor& t, unsigned seed, double scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, scale);
  for (std::int64_t r = 0; r < t.rows(); ++r)
    for (std::int64_t c = 0; c < t.cols(); ++c) set(t, r, c, normal(random));
  return t;
}

inline Tensor random_matrix(std::int64_t rows, std::int64_t cols, DType type, unsigned seed,
                            std::int64_t gap = 0) {
  return fill_random(gap ? strided(rows, cols, gap, type) : Tensor::zeros({rows, cols}, type),
                     seed);
}

inline Tensor random_vector(std::int64_t n, DType type, unsigned seed) {
  return fill_random(Tensor::zeros({n}, type), seed);
}

// All bytes of the rows, without the gaps.
inline std::vector<char> bytes_of(const Tensor& t) {
  std::vector<char> out;
  const std::size_t row = static_cast<std::size_t>(t.cols()) * size_of(t.dtype());
  for (std::int64_t r = 0; r < t.rows(); ++r) {
    const char* p = static_cast<const char*>(t.raw()) +
                    static_cast<std::size_t>(r * t.row_stride()) * size_of(t.dtype());
    out.insert(out.end(), p, p + row);
  }
  return out;
}

// Whether the columns behind a strided view still hold the marker.
inline bool gap_untouched(const Tensor& t, std::int64_t gap) {
  const std::size_t size = size_of(t.dtype());
  for (std::int64_t r = 0; r < t.rows(); ++r) {
    const char* p = static_cast<const char*>(t.raw()) +
                    static_cast<std::size_t>(r * t.row_stride() + t.cols()) * size;
    for (std::size_t i = 0; i < static_cast<std::size_t>(gap) * size; ++i)
      if (p[i] != 0x5A) return false;
  }
  return true;
}

inline void on_every_path(const std::function<void()>& check) {
  for (const KernelPath path : available_kernel_paths()) {
    SCOPED_TRACE(std::string(to_string(path)));
    const ScopedKernelPath scope(path);
    check();
  }
}

// Runs `produce(stream)` with 1 to 4 threads on every path: all must give the same bytes. (The row
// kernels promise this across paths as well.)
inline void expect_same_bits(const std::function<std::vector<char>(Stream&)>& produce) {
  std::vector<char> first;
  for (const KernelPath path : available_kernel_paths())
    for (int threads = 1; threads <= 4; ++threads) {
      const ScopedKernelPath scope(path);
      Stream stream(threads);
      const std::vector<char> bytes = produce(stream);
      if (first.empty()) first = bytes;
      EXPECT_TRUE(bytes == first) << to_string(path) << ", " << threads << " threads";
    }
}

// Central differences of loss() in every element of x (f64) against `gradient`.
inline void expect_gradient(const Tensor& x, const Tensor& gradient,
                            const std::function<double()>& loss) {
  constexpr double kStep = 1e-5;
  for (std::int64_t r = 0; r < x.rows(); ++r)
    for (std::int64_t c = 0; c < x.cols(); ++c) {
      const double value = get(x, r, c);
      set(x, r, c, value + kStep);
      const double up = loss();
      set(x, r, c, value - kStep);
      const double down = loss();
      set(x, r, c, value);
      const double expected = (up - down) / (2 * kStep);
      EXPECT_NEAR(get(gradient, r, c), expected, 1e-7 * (1 + std::abs(expected)))
          << "row " << r << " col " << c;
    }
}

inline double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t c = 0; c < a.cols(); ++c) sum += get(a, r, c) * get(b, r, c);
  return sum;
}

inline void expect_refused(const std::function<void()>& call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "not refused: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

}  // namespace stemma::test
