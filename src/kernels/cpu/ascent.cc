// One sequence a task. It is a small part of a pass through a model: scalar code.
#include "kernels/ascent.h"

#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/kernel_rows.h"

namespace stemma::kernels {
namespace {

// The rows of one sequence.
template <class T>
struct SequenceRows {
  T* data;
  std::int64_t stride, rows, cols;

  template <class F>
  void each(F&& f) const {
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t c = 0; c < cols; ++c) f(data[i * stride + c], i, c);
  }
  double norm() const {
    double squares = 0;
    each([&](const T& x, std::int64_t, std::int64_t) {
      squares += static_cast<double>(x) * static_cast<double>(x);
    });
    return std::sqrt(squares);
  }
};

template <class T>
void ascend(const SequenceRows<const T>& gradient, const BallStep& ball,
            const SequenceRows<T>& delta) {
  const double norm = gradient.norm();
  if (!(norm > 0)) return;
  const double factor = ball.step / norm;
  delta.each([&](T& x, std::int64_t i, std::int64_t c) {
    const double g = static_cast<double>(gradient.data[i * gradient.stride + c]);
    x = static_cast<T>(static_cast<double>(x) + factor * g);
  });
  const double reached = delta.norm();
  if (!(reached > ball.radius)) return;
  const double shrink = ball.radius / reached;
  delta.each([&](T& x, std::int64_t, std::int64_t) {
    x = static_cast<T>(static_cast<double>(x) * shrink);
  });
}

template <class T>
void ascend_all(Stream& stream, std::span<const std::int64_t> offsets, const Tensor& gradient,
                const BallStep& ball, const Tensor& delta) {
  const auto rows_of = [&](T* data, std::int64_t stride, std::size_t s) {
    return SequenceRows<T>{data + offsets[s] * stride, stride, offsets[s + 1] - offsets[s],
                           delta.cols()};
  };
  stream.workers().for_each(
      std::ssize(offsets) - 1, 1, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
        const cpu::FlushDenormals flush;
        for (auto s = static_cast<std::size_t>(begin); s < static_cast<std::size_t>(end); ++s) {
          const SequenceRows<T> d = rows_of(delta.data<T>(), delta.row_stride(), s);
          const SequenceRows<const T> g{gradient.data<T>() + offsets[s] * gradient.row_stride(),
                                        gradient.row_stride(), d.rows, d.cols};
          ascend<T>(g, ball, d);
        }
      });
}

void check_offsets(std::span<const std::int64_t> offsets, std::int64_t rows) {
  bool good = !offsets.empty() && offsets.front() == 0 && offsets.back() == rows;
  for (std::size_t s = 1; good && s < offsets.size(); ++s) good = offsets[s - 1] <= offsets[s];
  if (!good)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[ascend_in_ball] offsets must ascend from 0 to the {} rows of delta, "
                            "got {} of them{}",
                            rows, offsets.size(),
                            offsets.empty() ? std::string()
                                            : fmt::format(", the last {}", offsets.back())));
}

}  // namespace

void ascend_in_ball(Stream& stream, std::span<const std::int64_t> offsets, const Tensor& gradient,
                    const BallStep& ball, const Tensor& delta) {
  cpu::check_matrix("ascend_in_ball", "gradient", gradient, delta.rows(), delta.cols());
  check_offsets(offsets, delta.rows());
  if (gradient.dtype() == DType::f32 && delta.dtype() == DType::f32)
    ascend_all<float>(stream, offsets, gradient, ball, delta);
  else if (gradient.dtype() == DType::f64 && delta.dtype() == DType::f64)
    ascend_all<double>(stream, offsets, gradient, ball, delta);
  else
    cpu::refuse_types("ascend_in_ball", gradient, delta);
}

}  // namespace stemma::kernels
