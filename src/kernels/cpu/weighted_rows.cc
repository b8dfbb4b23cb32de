#include "kernels/weighted_rows.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/highway_paths.h"
#include "kernels/elementwise.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/weighted_rows.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

// y += weight · x. Product and sum are rounded apart, so all paths give the same bits.
template <class X, class T>
void add_weighted_row(const X* x, float weight, T* y, std::int64_t cols) {
  const hn::ScalableTag<T> d;
  const auto w = hn::Set(d, static_cast<T>(weight));
  for_vectors(d, static_cast<std::size_t>(cols),
              [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
                store(d, hn::Add(load(d, y + i, n), hn::Mul(w, load(d, x + i, n))), y + i, n);
              });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

void check_row_terms(std::string_view name, std::span<const std::int32_t> rows,
                     std::int64_t limit) {
  for (const std::int32_t row : rows)
    if (row < 0 || row >= limit)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[weighted_rows] row {} of `{}` is outside [0, {})", row, name, limit));
}

template <class X, class T>
void add_terms(Stream& stream, const RowTerms& terms, const Tensor& x, const Tensor& y) {
  // Each worker owns columns and walks all terms: no two write the same element.
  constexpr std::int64_t kSlice = 128;
  const X* const from = x.data<X>();
  T* const to = y.data<T>();
  const auto row = STEMMA_PICK_PATH(add_weighted_row<X, T>);
  stream.workers().for_each(x.cols(), kSlice,
                            [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
                              const cpu::FlushDenormals flush;
                              for (std::size_t j = 0; j < terms.to.size(); ++j)
                                row(from + terms.from[j] * x.row_stride() + begin, terms.weight[j],
                                    to + terms.to[j] * y.row_stride() + begin, end - begin);
                            });
}

}  // namespace

void add_weighted_rows(Stream& stream, const RowTerms& terms, const Tensor& x,
                       const GradientOut& y) {
  if (!y) return;
  cpu::check_matrix("weighted_rows", "y", y.tensor, y.tensor.rows(), x.cols());
  if (terms.to.size() != terms.from.size() || terms.to.size() != terms.weight.size())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[weighted_rows] every term needs a row to add to, a row to take and a "
                            "weight, got {}, {} and {} of them",
                            terms.to.size(), terms.from.size(), terms.weight.size()));
  check_row_terms("to", terms.to, y.tensor.rows());
  check_row_terms("from", terms.from, x.rows());
  if (!y.add) fill(stream, y.tensor, 0);
  if (x.dtype() == DType::f32 && y.tensor.dtype() == DType::f32)
    add_terms<float, float>(stream, terms, x, y.tensor);
  else if (x.dtype() == DType::bf16 && y.tensor.dtype() == DType::f32)
    add_terms<bf16, float>(stream, terms, x, y.tensor);
  else if (x.dtype() == DType::f64 && y.tensor.dtype() == DType::f64)
    add_terms<double, double>(stream, terms, x, y.tensor);
  else
    cpu::refuse_types("weighted_rows", x, y.tensor);
}

}  // namespace stemma::kernels
#endif
