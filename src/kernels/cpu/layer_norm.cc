#include "kernels/layer_norm.h"

#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/layer_norm.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

#ifndef STEMMA_KERNELS_CPU_LAYER_NORM_ARGUMENTS
#define STEMMA_KERNELS_CPU_LAYER_NORM_ARGUMENTS
namespace stemma::kernels {

template <class T, class Y>
struct NormRows {
  std::int64_t cols = 0;
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  const T* gain = nullptr;
  const T* bias = nullptr;
  T eps = 0;
  Y* y = nullptr;
  std::int64_t y_stride = 0;
  T* mean = nullptr;
  T* rstd = nullptr;
};

template <class T>
struct NormBackwardRows {
  std::int64_t cols = 0;
  const T* dy = nullptr;
  std::int64_t dy_stride = 0;
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  const T* gain = nullptr;
  const T* mean = nullptr;
  const T* rstd = nullptr;
  T* dx = nullptr;  // or null
  std::int64_t dx_stride = 0;
  bool add = false;
};

}  // namespace stemma::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

// The row stays in the first cache over the three passes.
template <class T, class Y>
void norm_rows(const NormRows<T, Y>& a, std::int64_t begin, std::int64_t end) {
  const hn::ScalableTag<T> d;
  using D = decltype(d);
  const std::size_t cols = static_cast<std::size_t>(a.cols);
  for (std::int64_t row = begin; row < end; ++row) {
    const T* x = a.x + row * a.x_stride;
    Y* y = a.y + row * a.y_stride;
    Sum<std::remove_const_t<D>> sum;
    for_vectors(d, cols, [&](std::size_t v, std::size_t i, std::size_t n) STEMMA_LANES {
      sum.part[v] = hn::Add(sum.part[v], load(d, x + i, n));
    });
    const T mean = sum.total() / static_cast<T>(a.cols);
    const auto mean_v = hn::Set(d, mean);
    Sum<std::remove_const_t<D>> squares;
    for_vectors(d, cols, [&](std::size_t v, std::size_t i, std::size_t n) STEMMA_LANES {
      auto diff = hn::Sub(load(d, x + i, n), mean_v);
      if (n < hn::Lanes(d)) diff = hn::IfThenElseZero(hn::FirstN(d, n), diff);
      squares.part[v] = hn::MulAdd(diff, diff, squares.part[v]);
    });
    const T var = squares.total() / static_cast<T>(a.cols);
    const T rstd = T(1) / hn::GetLane(hn::Sqrt(hn::Set(d, var + a.eps)));
    const auto rstd_v = hn::Set(d, rstd);
    for_vectors(d, cols, [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
      const auto normal = hn::Mul(hn::Sub(load(d, x + i, n), mean_v), rstd_v);
      store(d, hn::MulAdd(normal, load(d, a.gain + i, n), load(d, a.bias + i, n)), y + i, n);
    });
    if (a.mean) a.mean[row] = mean;
    if (a.rstd) a.rstd[row] = rstd;
  }
}

// With n = (x - mean) · rstd and g = dy · gain: dx = rstd · (g - mean(g) - n · mean(g · n)),
// dgain = sum over rows of dy · n, dbias = sum over rows of dy; both added to where not null.
template <class T>
void norm_backward_rows(const NormBackwardRows<T>& a, std::int64_t begin, std::int64_t end,
                        T* dgain, T* dbias) {
  const hn::ScalableTag<T> d;
  using D = std::remove_const_t<decltype(d)>;
  const std::size_t cols = static_cast<std::size_t>(a.cols);
  for (std::int64_t row = begin; row < end; ++row) {
    const T* dy = a.dy + row * a.dy_stride;
    const T* x = a.x + row * a.x_stride;
    const auto mean = hn::Set(d, a.mean[row]);
    const auto rstd = hn::Set(d, a.rstd[row]);
    Sum<D> sum_g, sum_gn;
    for_vectors(d, cols, [&](std::size_t v, std::size_t i, std::size_t n) STEMMA_LANES {
      const auto grad = load(d, dy + i, n);
      const auto normal = hn::Mul(hn::Sub(load(d, x + i, n), mean), rstd);
      const auto g = hn::Mul(grad, load(d, a.gain + i, n));
      sum_g.part[v] = hn::Add(sum_g.part[v], g);
      sum_gn.part[v] = hn::MulAdd(g, normal, sum_gn.part[v]);
      if (dbias) store(d, hn::Add(load(d, dbias + i, n), grad), dbias + i, n);
      if (dgain) store(d, hn::MulAdd(grad, normal, load(d, dgain + i, n)), dgain + i, n);
    });
    if (!a.dx) continue;
    T* dx = a.dx + row * a.dx_stride;
    const auto mean_g = hn::Set(d, sum_g.total() / static_cast<T>(a.cols));
    const auto mean_gn = hn::Set(d, sum_gn.total() / static_cast<T>(a.cols));
    for_vectors(d, cols, [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
      const auto normal = hn::Mul(hn::Sub(load(d, x + i, n), mean), rstd);
      const auto g = hn::Mul(load(d, dy + i, n), load(d, a.gain + i, n));
      auto out = hn::Mul(rstd, hn::NegMulAdd(normal, mean_gn, hn::Sub(g, mean_g)));
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
void run_forward(Stream& stream, const Tensor& x, const Tensor& gain, const Tensor& bias, float eps,
                 const Tensor& y, const Tensor& mean, const Tensor& rstd) {
  const NormRows<T, Y> rows{.cols = x.cols(),
                            .x = x.data<T>(),
                            .x_stride = x.row_stride(),
                            .gain = gain.data<T>(),
                            .bias = bias.data<T>(),
                            .eps = static_cast<T>(eps),
                            .y = y.data<Y>(),
                            .y_stride = y.row_stride(),
                            .mean = mean ? mean.data<T>() : nullptr,
                            .rstd = rstd ? rstd.data<T>() : nullptr};
  const auto kernel = STEMMA_PICK_PATH(norm_rows<T, Y>);
  cpu::for_rows(stream, x.rows(), x.cols(),
                [&](std::int64_t begin, std::int64_t end) { kernel(rows, begin, end); });
}

template <class T>
void run_backward(Stream& stream, const LayerNormBackward& args) {
  const std::int64_t n = args.x.rows(), cols = args.x.cols();
  const NormBackwardRows<T> rows{.cols = cols,
                                 .dy = args.dy.data<T>(),
                                 .dy_stride = args.dy.row_stride(),
                                 .x = args.x.data<T>(),
                                 .x_stride = args.x.row_stride(),
                                 .gain = args.gain.data<T>(),
                                 .mean = args.mean.data<T>(),
                                 .rstd = args.rstd.data<T>(),
                                 .dx = args.dx ? args.dx.tensor.data<T>() : nullptr,
                                 .dx_stride = args.dx ? args.dx.tensor.row_stride() : 0,
                                 .add = args.dx.add};
  const auto kernel = STEMMA_PICK_PATH(norm_backward_rows<T>);
  if (!args.dgain && !args.dbias) {
    if (!args.dx) return;
    cpu::for_rows(stream, n, cols, [&](std::int64_t begin, std::int64_t end) {
      kernel(rows, begin, end, nullptr, nullptr);
    });
    return;
  }
  // Each block of rows has its own sums: dgain, then dbias.
  const std::int64_t blocks = (n + cpu::kRowBlock - 1) / cpu::kRowBlock;
  T* const sums = reinterpret_cast<T*>(
      stream.shared_scratch(static_cast<std::size_t>(blocks * 2 * cols) * sizeof(T)));
  stream.workers().for_each(
      n, cpu::kRowBlock, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
        const cpu::FlushDenormals flush;
        T* const mine = sums + begin / cpu::kRowBlock * 2 * cols;
        for (std::int64_t i = 0; i < 2 * cols; ++i) mine[i] = 0;
        kernel(rows, begin, end, args.dgain ? mine : nullptr, args.dbias ? mine + cols : nullptr);
      });
  if (args.dgain) cpu::add_blocks(stream, sums, blocks, 2 * cols, args.dgain);
  if (args.dbias) cpu::add_blocks(stream, sums + cols, blocks, 2 * cols, args.dbias);
}

}  // namespace

void layer_norm_forward(Stream& stream, const Tensor& x, const Tensor& gain, const Tensor& bias,
                        float eps, const Tensor& y, const Tensor& mean, const Tensor& rstd) {
  const std::int64_t n = x.rows(), cols = x.cols();
  cpu::check_vector("layer_norm", "gain", gain, cols, x.dtype());
  cpu::check_vector("layer_norm", "bias", bias, cols, x.dtype());
  cpu::check_matrix("layer_norm", "y", y, n, cols);
  if (mean) cpu::check_vector("layer_norm", "mean", mean, n, x.dtype());
  if (rstd) cpu::check_vector("layer_norm", "rstd", rstd, n, x.dtype());
  if (x.dtype() == DType::f32 && y.dtype() == DType::f32)
    run_forward<float, float>(stream, x, gain, bias, eps, y, mean, rstd);
  else if (x.dtype() == DType::f32 && y.dtype() == DType::bf16)
    run_forward<float, bf16>(stream, x, gain, bias, eps, y, mean, rstd);
  else if (x.dtype() == DType::f64 && y.dtype() == DType::f64)
    run_forward<double, double>(stream, x, gain, bias, eps, y, mean, rstd);
  else
    cpu::refuse_types("layer_norm", x, y);
}

void layer_norm_backward(Stream& stream, const LayerNormBackward& args) {
  const std::int64_t n = args.x.rows(), cols = args.x.cols();
  const DType type = args.x.dtype();
  if (type != DType::f32 && type != DType::f64)
    cpu::refuse_types("layer_norm_backward", args.x, args.dy);
  cpu::check_matrix("layer_norm_backward", "dy", args.dy, n, cols);
  cpu::check_vector("layer_norm_backward", "gain", args.gain, cols, type);
  cpu::check_vector("layer_norm_backward", "mean", args.mean, n, type);
  cpu::check_vector("layer_norm_backward", "rstd", args.rstd, n, type);
  if (args.dx) cpu::check_matrix("layer_norm_backward", "dx", args.dx.tensor, n, cols);
  if (args.dgain) cpu::check_vector("layer_norm_backward", "dgain", args.dgain.tensor, cols, type);
  if (args.dbias) cpu::check_vector("layer_norm_backward", "dbias", args.dbias.tensor, cols, type);
  if (type == DType::f32)
    run_backward<float>(stream, args);
  else
    run_backward<double>(stream, args);
}

}  // namespace stemma::kernels
#endif
