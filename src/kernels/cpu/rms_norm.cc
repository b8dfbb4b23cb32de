#include "kernels/rms_norm.h"

#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rms_norm.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

#ifndef STEMMA_KERNELS_CPU_RMS_NORM_ARGUMENTS
#define STEMMA_KERNELS_CPU_RMS_NORM_ARGUMENTS
namespace stemma::kernels {

template <class T, class Y>
struct RmsRows {
  std::int64_t cols = 0;
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  const T* gain = nullptr;
  T eps = 0;
  Y* y = nullptr;
  std::int64_t y_stride = 0;
  T* rstd = nullptr;  // or null
};

template <class T>
struct RmsBackwardRows {
  std::int64_t cols = 0;
  const T* dy = nullptr;
  std::int64_t dy_stride = 0;
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  const T* gain = nullptr;
  const T* rstd = nullptr;
  T* dx = nullptr;  // or null
  std::int64_t dx_stride = 0;
  bool add = false;
};

}  // namespace stemma::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

template <class T, class Y>
void rms_rows(const RmsRows<T, Y>& a, std::int64_t begin, std::int64_t end) {
  const hn::ScalableTag<T> d;
  using D = std::remove_const_t<decltype(d)>;
  const std::size_t cols = static_cast<std::size_t>(a.cols);
  for (std::int64_t row = begin; row < end; ++row) {
    const T* x = a.x + row * a.x_stride;
    Y* y = a.y + row * a.y_stride;
    Sum<D> squares;
    for_vectors(d, cols, [&](std::size_t v, std::size_t i, std::size_t n) STEMMA_LANES {
      const auto value = load(d, x + i, n);
      squares.part[v] = hn::MulAdd(value, value, squares.part[v]);
    });
    const T mean = squares.total() / static_cast<T>(a.cols);
    const T rstd = T(1) / hn::GetLane(hn::Sqrt(hn::Set(d, mean + a.eps)));
    const auto rstd_v = hn::Set(d, rstd);
    for_vectors(d, cols, [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
      const auto normal = hn::Mul(load(d, x + i, n), rstd_v);
      store(d, hn::Mul(normal, load(d, a.gain + i, n)), y + i, n);
    });
    if (a.rstd) a.rstd[row] = rstd;
  }
}

// With n = x · rstd and g = dy · gain: dx = rstd · (g - n · mean(g · n)); dgain = sum over rows of
// dy · n, added to where not null.
template <class T>
void rms_backward_rows(const RmsBackwardRows<T>& a, std::int64_t begin, std::int64_t end,
                       T* dgain) {
  const hn::ScalableTag<T> d;
  using D = std::remove_const_t<decltype(d)>;
  const std::size_t cols = static_cast<std::size_t>(a.cols);
  for (std::int64_t row = begin; row < end; ++row) {
    const T* dy = a.dy + row * a.dy_stride;
    const T* x = a.x + row * a.x_stride;
    const auto rstd = hn::Set(d, a.rstd[row]);
    Sum<D> sum;
    for_vectors(d, cols, [&](std::size_t v, std::size_t i, std::size_t n) STEMMA_LANES {
      const auto grad = load(d, dy + i, n);
      const auto normal = hn::Mul(load(d, x + i, n), rstd);
      const auto g = hn::Mul(grad, load(d, a.gain + i, n));
      sum.part[v] = hn::MulAdd(g, normal, sum.part[v]);
      if (dgain) store(d, hn::MulAdd(grad, normal, load(d, dgain + i, n)), dgain + i, n);
    });
    if (!a.dx) continue;
    T* dx = a.dx + row * a.dx_stride;
    const auto mean = hn::Set(d, sum.total() / static_cast<T>(a.cols));
    for_vectors(d, cols, [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
      const auto normal = hn::Mul(load(d, x + i, n), rstd);
      const auto g = hn::Mul(load(d, dy + i, n), load(d, a.gain + i, n));
      auto out = hn::Mul(rstd, hn::NegMulAdd(normal, mean, g));
      if (a.add) out = hn::Add(load(d, dx + i, n), out);
      store(d, out, dx + i, n);
    });
  }
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

template <class T, class Y>
void run_rms(Stream& stream, const Tensor& x, const Tensor& gain, float eps, const Tensor& y,
             const Tensor& rstd) {
  const RmsRows<T, Y> rows{.cols = x.cols(),
                           .x = x.data<T>(),
                           .x_stride = x.row_stride(),
                           .gain = gain.data<T>(),
                           .eps = static_cast<T>(eps),
                           .y = y.data<Y>(),
                           .y_stride = y.row_stride(),
                           .rstd = rstd ? rstd.data<T>() : nullptr};
  const auto kernel = STEMMA_PICK_PATH(rms_rows<T, Y>);
  cpu::for_rows(stream, x.rows(), x.cols(),
                [&](std::int64_t begin, std::int64_t end) { kernel(rows, begin, end); });
}

template <class T>
void run_rms_backward(Stream& stream, const RmsNormBackward& args) {
  const std::int64_t n = args.x.rows(), cols = args.x.cols();
  const RmsBackwardRows<T> rows{.cols = cols,
                                .dy = args.dy.data<T>(),
                                .dy_stride = args.dy.row_stride(),
                                .x = args.x.data<T>(),
                                .x_stride = args.x.row_stride(),
                                .gain = args.gain.data<T>(),
                                .rstd = args.rstd.data<T>(),
                                .dx = args.dx ? args.dx.tensor.data<T>() : nullptr,
                                .dx_stride = args.dx ? args.dx.tensor.row_stride() : 0,
                                .add = args.dx.add};
  const auto kernel = STEMMA_PICK_PATH(rms_backward_rows<T>);
  if (!args.dgain) {
    if (!args.dx) return;
    cpu::for_rows(stream, n, cols,
                  [&](std::int64_t begin, std::int64_t end) { kernel(rows, begin, end, nullptr); });
    return;
  }
  const std::int64_t blocks = (n + cpu::kRowBlock - 1) / cpu::kRowBlock;
  T* const sums = reinterpret_cast<T*>(
      stream.shared_scratch(static_cast<std::size_t>(blocks * cols) * sizeof(T)));
  stream.workers().for_each(n, cpu::kRowBlock,
                            [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
                              const cpu::FlushDenormals flush;
                              T* const mine = sums + begin / cpu::kRowBlock * cols;
                              for (std::int64_t i = 0; i < cols; ++i) mine[i] = 0;
                              kernel(rows, begin, end, mine);
                            });
  cpu::add_blocks(stream, sums, blocks, cols, args.dgain);
}

}  // namespace

void rms_norm_forward(Stream& stream, const Tensor& x, const Tensor& gain, float eps,
                      const Tensor& y, const Tensor& rstd) {
  const std::int64_t n = x.rows(), cols = x.cols();
  cpu::check_vector("rms_norm", "gain", gain, cols, x.dtype());
  cpu::check_matrix("rms_norm", "y", y, n, cols);
  if (rstd) cpu::check_vector("rms_norm", "rstd", rstd, n, x.dtype());
  if (x.dtype() == DType::f32 && y.dtype() == DType::f32)
    run_rms<float, float>(stream, x, gain, eps, y, rstd);
  else if (x.dtype() == DType::f32 && y.dtype() == DType::bf16)
    run_rms<float, bf16>(stream, x, gain, eps, y, rstd);
  else if (x.dtype() == DType::f64 && y.dtype() == DType::f64)
    run_rms<double, double>(stream, x, gain, eps, y, rstd);
  else
    cpu::refuse_types("rms_norm", x, y);
}

void rms_norm_backward(Stream& stream, const RmsNormBackward& args) {
  const std::int64_t n = args.x.rows(), cols = args.x.cols();
  const DType type = args.x.dtype();
  if (type != DType::f32 && type != DType::f64)
    cpu::refuse_types("rms_norm_backward", args.x, args.dy);
  cpu::check_matrix("rms_norm_backward", "dy", args.dy, n, cols);
  cpu::check_vector("rms_norm_backward", "gain", args.gain, cols, type);
  cpu::check_vector("rms_norm_backward", "rstd", args.rstd, n, type);
  if (args.dx) cpu::check_matrix("rms_norm_backward", "dx", args.dx.tensor, n, cols);
  if (args.dgain) cpu::check_vector("rms_norm_backward", "dgain", args.dgain.tensor, cols, type);
  if (type == DType::f32)
    run_rms_backward<float>(stream, args);
  else
    run_rms_backward<double>(stream, args);
}

}  // namespace stemma::kernels
#endif
