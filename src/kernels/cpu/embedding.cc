#include "kernels/embedding.h"

#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/highway_paths.h"
#include "kernels/elementwise.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/embedding.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

// y = token + position (either may be null).
template <class W, class P, class T>
void embed_row(const W* token, const P* position, T* y, std::int64_t cols) {
  const hn::ScalableTag<T> d;
  for_vectors(d, static_cast<std::size_t>(cols),
              [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
                auto v = token ? load(d, token + i, n) : hn::Zero(d);
                if (position)
                  v = token ? hn::Add(v, load(d, position + i, n)) : load(d, position + i, n);
                store(d, v, y + i, n);
              });
}

template <class X, class T>
void add_row(const X* x, T* y, std::int64_t cols) {
  const hn::ScalableTag<T> d;
  for_vectors(d, static_cast<std::size_t>(cols),
              [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
                store(d, hn::Add(load(d, y + i, n), load(d, x + i, n)), y + i, n);
              });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

constexpr std::int64_t kPanel = 32;  // ids in one panel of a packed weight (kernels/matmul.h)

void check_index(std::string_view kernel, std::string_view name,
                 std::span<const std::int32_t> index, std::int64_t limit) {
  for (std::size_t i = 0; i < index.size(); ++i)
    if ((index[i] < 0 || index[i] >= limit) && index[i] != kNoRow)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[{}] {} {} of row {} is outside [0, {})", kernel, name, index[i], i, limit));
}

float widen(float value) { return value; }
float widen(bf16 value) { return to_float(value); }
float widen(f16 value) { return to_float(value); }
double widen(double value) { return value; }

template <class X>
const X* row_or_null(const X* table, std::int64_t index, std::int64_t stride) {
  return table && index != kNoRow ? table + index * stride : nullptr;
}

// One row of a packed weight: element c of `id` at ((id / 32) * C + c) * 32 + id % 32.
template <class W, class P, class T>
void embed_panel_row(const W* panels, std::int64_t id, const P* position, T* y, std::int64_t cols) {
  const W* from = panels + id / kPanel * cols * kPanel + id % kPanel;
  for (std::int64_t c = 0; c < cols; ++c) {
    const T token = widen(from[c * kPanel]);
    y[c] = position ? token + widen(position[c]) : token;
  }
}

struct Lookup {
  std::span<const std::int32_t> ids, places;
  const Weight& tokens;
  const Tensor& positions;
  const Tensor& y;
};

template <class W, class P, class T>
void embed(Stream& stream, const Lookup& a) {
  const std::int64_t cols = a.y.cols(), y_stride = a.y.row_stride();
  const bool packed = a.tokens.layout() == Weight::Layout::panels;
  const W* const tokens = a.tokens.value().data<W>();
  const std::int64_t token_stride = packed ? 0 : a.tokens.value().row_stride();
  const P* const positions = a.positions ? a.positions.data<P>() : nullptr;
  const std::int64_t position_stride = a.positions ? a.positions.row_stride() : 0;
  T* const y = a.y.data<T>();
  const auto row = STEMMA_PICK_PATH(embed_row<W, P, T>);
  cpu::for_rows(stream, a.y.rows(), cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const std::int64_t id = a.ids[at];
      const P* position =
          positions ? row_or_null(positions, a.places[at], position_stride) : nullptr;
      if (packed && id != kNoRow)
        embed_panel_row(tokens, id, position, y + i * y_stride, cols);
      else
        row(row_or_null(tokens, id, token_stride), position, y + i * y_stride, cols);
    }
  });
}

template <class W>
void embed_f32(Stream& stream, const Lookup& a) {
  if (a.positions && a.positions.dtype() == DType::bf16)
    embed<W, bf16, float>(stream, a);
  else if (a.positions && a.positions.dtype() == DType::f16)
    embed<W, f16, float>(stream, a);
  else
    embed<W, float, float>(stream, a);
}

template <class X, class T>
void add_term(Stream& stream, std::span<const std::int32_t> index, const Tensor& table,
              const Tensor& y) {
  const X* const from = table.data<X>();
  T* const to = y.data<T>();
  const auto row = STEMMA_PICK_PATH(add_row<X, T>);
  cpu::for_rows(stream, y.rows(), y.cols(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      if (const X* const x =
              row_or_null(from, index[static_cast<std::size_t>(i)], table.row_stride()))
        row(x, to + i * y.row_stride(), y.cols());
  });
}

template <class T>
void add_rows(Stream& stream, std::span<const std::int32_t> index, const Tensor& dy,
              const Tensor& table) {
  // Each worker owns columns and walks all rows: no two write the same element.
  constexpr std::int64_t kSlice = 128;
  const T* const from = dy.data<T>();
  T* const to = table.data<T>();
  const auto row = STEMMA_PICK_PATH(add_row<T, T>);
  stream.workers().for_each(dy.cols(), kSlice,
                            [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
                              const cpu::FlushDenormals flush;
                              for (std::size_t i = 0; i < index.size(); ++i) {
                                if (index[i] == kNoRow) continue;
                                row(from + static_cast<std::int64_t>(i) * dy.row_stride() + begin,
                                    to + index[i] * table.row_stride() + begin, end - begin);
                              }
                            });
}

}  // namespace

void embedding_forward(Stream& stream, std::span<const std::int32_t> ids,
                       std::span<const std::int32_t> places, const Weight& tokens,
                       const Tensor& positions, const Tensor& y) {
  if (!tokens.is_matrix())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[embedding] tokens must be a matrix [V, C], got {}",
                            tokens.shape().to_string()));
  cpu::check_matrix("embedding", "y", y, static_cast<std::int64_t>(ids.size()), tokens.in());
  check_index("embedding", "token id", ids, tokens.out());
  if (positions) {
    cpu::check_matrix("embedding", "positions", positions, positions.rows(), tokens.in());
    if (places.size() != ids.size())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[embedding] {} ids need as many positions, got {}", ids.size(),
                              places.size()));
    check_index("embedding", "position", places, positions.rows());
  }
  const Lookup lookup{ids, places, tokens, positions, y};
  const bool doubles = tokens.dtype() == DType::f64 && y.dtype() == DType::f64 &&
                       tokens.layout() == Weight::Layout::rows;
  if (doubles)
    embed<double, double, double>(stream, lookup);
  else if (y.dtype() == DType::f32 && tokens.dtype() == DType::f32)
    embed_f32<float>(stream, lookup);
  else if (y.dtype() == DType::f32 && tokens.dtype() == DType::bf16)
    embed_f32<bf16>(stream, lookup);
  else if (y.dtype() == DType::f32 && tokens.dtype() == DType::f16)
    embed_f32<f16>(stream, lookup);
  else
    cpu::refuse_types("embedding", tokens.value(), y);
}

void embedding_add(Stream& stream, std::span<const std::int32_t> index, const Tensor& table,
                   const Tensor& y) {
  cpu::check_matrix("embedding", "y", y, y.rows(), table.cols());
  if (static_cast<std::int64_t>(index.size()) != y.rows())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[embedding] {} rows need as many indices, got {}", y.rows(), index.size()));
  check_index("embedding", "index", index, table.rows());
  if (table.dtype() == DType::f32 && y.dtype() == DType::f32)
    add_term<float, float>(stream, index, table, y);
  else if (table.dtype() == DType::bf16 && y.dtype() == DType::f32)
    add_term<bf16, float>(stream, index, table, y);
  else if (table.dtype() == DType::f16 && y.dtype() == DType::f32)
    add_term<f16, float>(stream, index, table, y);
  else if (table.dtype() == DType::f64 && y.dtype() == DType::f64)
    add_term<double, double>(stream, index, table, y);
  else
    cpu::refuse_types("embedding", table, y);
}

void embedding_backward(Stream& stream, std::span<const std::int32_t> index, const Tensor& dy,
                        const Tensor& table) {
  cpu::check_matrix("embedding_backward", "dy", dy, static_cast<std::int64_t>(index.size()),
                    table.cols());
  check_index("embedding_backward", "index", index, table.rows());
  if (dy.dtype() == DType::f32 && table.dtype() == DType::f32)
    add_rows<float>(stream, index, dy, table);
  else if (dy.dtype() == DType::f64 && table.dtype() == DType::f64)
    add_rows<double>(stream, index, dy, table);
  else
    cpu::refuse_types("embedding_backward", dy, table);
}

void gather_rows(Stream& stream, const Tensor& x, std::span<const std::int32_t> rows,
                 const Tensor& y) {
  cpu::check_matrix("gather_rows", "y", y, static_cast<std::int64_t>(rows.size()), x.cols());
  check_index("gather_rows", "index", rows, x.rows());
  if (x.dtype() != y.dtype()) cpu::refuse_types("gather_rows", x, y);
  const std::size_t element = size_of(x.dtype());
  const auto bytes = static_cast<std::size_t>(x.cols()) * element;
  const auto* const from = static_cast<const std::byte*>(x.raw());
  auto* const to = static_cast<std::byte*>(y.raw());
  cpu::for_rows(stream, y.rows(), y.cols(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = rows[static_cast<std::size_t>(i)];
      std::byte* const out = to + static_cast<std::size_t>(i * y.row_stride()) * element;
      if (row == kNoRow)
        std::memset(out, 0, bytes);
      else
        std::memcpy(out, from + static_cast<std::size_t>(row * x.row_stride()) * element, bytes);
    }
  });
}

void scatter_rows(Stream& stream, std::span<const std::int32_t> rows, const Tensor& dy,
                  const GradientOut& out) {
  if (!out) return;
  if (!out.add) fill(stream, out.tensor, 0);
  embedding_backward(stream, rows, dy, out.tensor);
}

}  // namespace stemma::kernels
#endif
