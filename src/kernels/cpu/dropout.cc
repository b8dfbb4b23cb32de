#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/highway_paths.h"
#include "kernels/elementwise.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/dropout.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

using U32 = hn::ScalableTag<std::uint32_t>;

// High and low halves of a · b per lane.
HWY_INLINE void wide_product(U32 d, hn::Vec<U32> a, hn::Vec<U32> b, hn::Vec<U32>& high,
                             hn::Vec<U32>& low) {
  const hn::Repartition<std::uint64_t, U32> d64;
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, a))), b);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// Random words of channels [0, 4 · groups) of one row: words[4 g + j] is word j of philox(key,
// {g, position, number, step}) (base/philox.h). Writes whole vectors of groups.
void row_words(PhiloxKey key, const std::uint32_t* counter, std::uint32_t* words,
               std::int64_t first_group, std::int64_t groups) {
  const U32 d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t g = 0; g < groups; g += lanes) {
    auto c0 = hn::Iota(d, static_cast<std::uint32_t>(first_group + g));
    auto c1 = hn::Set(d, counter[0]), c2 = hn::Set(d, counter[1]), c3 = hn::Set(d, counter[2]);
    PhiloxKey k = key;
    for (int round = 0; round < 10; ++round) {
      auto high0 = c0, low0 = c0, high1 = c2, low1 = c2;
      wide_product(d, c0, hn::Set(d, 0xD2511F53u), high0, low0);
      wide_product(d, c2, hn::Set(d, 0xCD9E8D57u), high1, low1);
      c0 = hn::Xor(high1, hn::Xor(c1, hn::Set(d, k.low)));
      c2 = hn::Xor(high0, hn::Xor(c3, hn::Set(d, k.high)));
      c1 = low1;
      c3 = low0;
      k.low += 0x9E3779B9u;
      k.high += 0xBB67AE85u;
    }
    hn::StoreInterleaved4(c0, c1, c2, c3, d, words + 4 * g);
  }
}

// y = (y +) (base +) (uniform(word) >= p ? x / (1 - p) : 0); base may be null.
void drop_piece(const std::uint32_t* words, float p, const float* x, const float* base, float* y,
                bool add, std::int64_t count) {
  const F32 d;
  const hn::RebindToSigned<F32> di;
  const auto limit = hn::Set(d, p), keep = hn::Set(d, 1.0f - p);
  const U32 du;
  for_vectors(
      d, static_cast<std::size_t>(count),
      [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
        const auto bits = hn::ShiftRight<8>(load(du, words + i, n));
        const auto uniform = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, bits)), hn::Set(d, 0x1p-24f));
        auto out = hn::IfThenElseZero(hn::Ge(uniform, limit), hn::Div(load(d, x + i, n), keep));
        if (base) out = hn::Add(load(d, base + i, n), out);
        if (add) out = hn::Add(load(d, y + i, n), out);
        store(d, out, y + i, n);
      });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

// Channels whose random words lie on the stack: a multiple of four vectors of them.
constexpr std::int64_t kChannels = 1024;

void drop_scalar(const std::uint32_t* words, float p, const double* x, const double* base,
                 double* y, bool add, std::int64_t count) {
  const double keep = 1.0 - static_cast<double>(p);
  for (std::int64_t i = 0; i < count; ++i) {
    double out = philox_uniform(words[i]) >= p ? x[i] / keep : 0;
    if (base) out = base[i] + out;
    y[i] = add ? y[i] + out : out;
  }
}

// The sequence that row i belongs to.
std::size_t sequence_of(std::span<const std::int64_t> offsets, std::int64_t row) {
  std::size_t low = 0, high = offsets.size() - 1;
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (offsets[middle] <= row ? low : high) = middle;
  }
  return low;
}

template <class T>
void drop(Stream& stream, const DropoutSites& sites, float p, const Tensor& x, const Tensor& base,
          const GradientOut& y) {
  const auto words_kernel = STEMMA_PICK_PATH(row_words);
  const auto drop_kernel = [&] {
    if constexpr (std::is_same_v<T, float>)
      return STEMMA_PICK_PATH(drop_piece);
    else
      return &drop_scalar;
  }();
  const T* const from = x.data<T>();
  const T* const under = base ? base.data<T>() : nullptr;
  T* const to = y.tensor.data<T>();
  const std::int64_t cols = x.cols();
  cpu::for_rows(stream, x.rows(), cols, [&](std::int64_t begin, std::int64_t end) {
    alignas(64) std::uint32_t words[kChannels];
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t number = sites.numbers[sequence_of(sites.offsets, row)];
      const std::uint32_t counter[3] = {
          static_cast<std::uint32_t>(sites.positions[static_cast<std::size_t>(row)]),
          static_cast<std::uint32_t>(number), sites.step};
      for (std::int64_t c = 0; c < cols; c += kChannels) {
        const std::int64_t count = cols - c < kChannels ? cols - c : kChannels;
        words_kernel(sites.key, counter, words, c / 4, (count + 3) / 4);
        drop_kernel(words, p, from + row * x.row_stride() + c,
                    under ? under + row * base.row_stride() + c : nullptr,
                    to + row * y.tensor.row_stride() + c, y.add, count);
      }
    }
  });
}

void check_sites(const DropoutSites& sites, std::int64_t rows) {
  const std::size_t sequences = sites.numbers.size();
  const bool fits = static_cast<std::int64_t>(sites.positions.size()) == rows &&
                    sites.offsets.size() == sequences + 1 && sites.offsets.front() == 0 &&
                    sites.offsets.back() == rows;
  if (!fits)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[dropout] {} rows need {} positions, a number per sequence and offsets "
                    "from 0 to {}; got {} positions, {} numbers, {} offsets",
                    rows, rows, rows, sites.positions.size(), sequences, sites.offsets.size()));
}

}  // namespace

void dropout(Stream& stream, const DropoutSites& sites, float p, const Tensor& x,
             const Tensor& base, const GradientOut& y) {
  if (!y) return;
  if (!(p >= 0 && p < 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[dropout] the probability must be in [0, 1), got {}", p));
  const std::int64_t rows = x.rows(), cols = x.cols();
  cpu::check_matrix("dropout", "y", y.tensor, rows, cols);
  if (base) cpu::check_matrix("dropout", "base", base, rows, cols);
  check_sites(sites, rows);
  if (x.dtype() == DType::f32)
    drop<float>(stream, sites, p, x, base, y);
  else if (x.dtype() == DType::f64)
    drop<double>(stream, sites, p, x, base, y);
  else
    cpu::refuse_types("dropout", x, y.tensor);
}

}  // namespace stemma::kernels
#endif
