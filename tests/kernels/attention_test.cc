#include "kernels/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/kernels/attention_support.h"

namespace stemma::kernels {
namespace {

using namespace attention_test;

struct Case {
  std::int64_t heads, size;
  std::vector<std::int64_t> lengths;
  bool causal;
  float dropout;
};
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {2, 16, {1, 7, 33}, true, 0},      {2, 16, {1, 7, 33}, false, 0},
      {1, 64, {255, 256, 257}, true, 0}, {1, 16, {255, 256, 257}, false, 0},
      {1, 20, {600, 3}, true, 0},        {3, 5, {130, 48, 49}, false, 0},
      {1, 80, {290}, true, 0.1f},        {2, 33, {97, 270}, false, 0.3f},
      {1, 256, {70}, true, 0},           {1, 1, {300, 1}, true, 0.5f},
  };
  return all;
}

class OnPath : public testing::TestWithParam<KernelPath> {};
INSTANTIATE_TEST_SUITE_P(Attention, OnPath, testing::ValuesIn(available_kernel_paths()), path_name);

TEST(AttentionReference, ForwardIsSoftmaxAttention) {
  Stream stream(2);
  for (const Case& c : cases()) {
    const AttentionSpec spec = spec_of(c.heads, c.size, c.causal, c.dropout);
    const auto sequences = packed(c.lengths);
    for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
      AttentionForward args = inputs(spec, total(c.lengths), type, 3);
      args.sequences = sequences;
      attention_forward_reference(stream, spec, args);
      EXPECT_LE(forward_error(spec, args), type == DType::f64 ? 1e-13 : 3e-6)
          << to_string(type) << " D " << c.size << " first length " << c.lengths[0];
    }
  }
}

TEST(AttentionReference, GivesScoresAndWeights) {
  Stream stream(1);
  for (const bool causal : {true, false}) {
    const AttentionSpec spec = spec_of(2, 8, causal, 0.2f);
    const auto sequences = packed({5, 300});
    AttentionForward args = inputs(spec, 305, DType::f32, 4);
    args.sequences = sequences;
    args.scores = Tensor::empty({305, 2, 310}, DType::f32);
    args.weights = Tensor::empty({305, 2, 310}, DType::f32);
    attention_forward(stream, spec, args);
    const Brute textbook(spec, args);
    for (const AttentionSequence& s : sequences)
      for (const std::int64_t i : {std::int64_t{0}, s.keys / 2, s.keys - 1})
        for (std::int64_t h = 0; h < 2; ++h) {
          const BruteRow want = textbook.row(s, i, h, true);
          for (std::int64_t j = 0; j < 310; ++j) {
            const std::int64_t e = ((s.query_begin + i) * 2 + h) * 310 + j;
            const std::size_t k = static_cast<std::size_t>(j);
            ASSERT_NEAR(args.scores.data<float>()[e], j < s.keys ? want.scores[k] : 0.0, 1e-5);
            ASSERT_NEAR(args.weights.data<float>()[e], j < s.keys ? want.weights[k] : 0.0, 1e-6);
          }
        }
  }
}

// d(loss) / d(x) for loss = Σ out ∘ dout, by central differences in f64 along random directions in
// every row and column block of q, k and v.
TEST(AttentionReference, GradientsAreFiniteDifferences) {
  Stream stream(2);
  for (const Case& c : cases()) {
    const AttentionSpec spec = spec_of(c.heads, c.size, c.causal, c.dropout);
    const auto sequences = packed(c.lengths);
    const std::int64_t rows = total(c.lengths), width = c.heads * c.size;
    AttentionForward forward = inputs(spec, rows, DType::f64, 5);
    forward.sequences = sequences;
    attention_forward_reference(stream, spec, forward);
    const Gradients g = backward_of(forward, 6);
    attention_backward_reference(stream, spec, g.args);
    const auto loss = [&] {
      attention_forward_reference(stream, spec, forward);
      double sum = 0;
      const std::vector<double> out = values(forward.out), dout = values(g.args.dout);
      for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * dout[i];
      return sum;
    };
    std::mt19937 engine(7);
    for (int probe = 0; probe < 6; ++probe) {
      // One of q, k, v; a direction that is 0 outside one row, and one that is 0 nowhere.
      const std::int64_t part = probe % 3;
      const std::int64_t only =
          static_cast<std::int64_t>(engine() % static_cast<std::uint32_t>(rows));
      const Tensor direction =
          random_tensor({rows, width}, DType::f64, 100 + static_cast<std::uint32_t>(probe));
      double* qkv = forward.q.data<double>() + part * width;
      double slope = 0;
      const auto move = [&](double by, bool measure) {
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t d = 0; d < width && (probe >= 3 || r == only); ++d) {
            const double along = at(direction, r, d);
            qkv[r * 3 * width + d] += by * along;
            if (measure) slope += along * at(g.dqkv, r, part * width + d);
          }
      };
      const double h = 1e-5;
      move(h, true);
      const double above = loss();
      move(-2 * h, false);
      const double below = loss();
      move(h, false);
      const double want = (above - below) / (2 * h);
      EXPECT_NEAR(slope, want, 1e-7 * (1 + std::abs(want)))
          << "part " << part << " D " << c.size << " dropout " << c.dropout;
    }
  }
}

TEST_P(OnPath, ForwardIsSoftmaxAttention) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  for (const Case& c : cases()) {
    const AttentionSpec spec = spec_of(c.heads, c.size, c.causal, c.dropout);
    const auto sequences = packed(c.lengths);
    for (const DType type : {DType::f32, DType::bf16}) {
      AttentionForward args = inputs(spec, total(c.lengths), type, 3);
      args.sequences = sequences;
      attention_forward(stream, spec, args);
      EXPECT_LE(forward_error(spec, args), 2e-6)
          << to_string(type) << " D " << c.size << " first length " << c.lengths[0];
    }
  }
}

TEST_P(OnPath, LargeScoresStayFinite) {
  const ScopedKernelPath path(GetParam());
  Stream stream(1);
  const AttentionSpec spec = spec_of(1, 32, true);
  const auto sequences = packed({530});
  AttentionForward args = inputs(spec, 530, DType::f32, 8);
  for (std::int64_t i = 0; i < 530 * 96; ++i) args.q.data<float>()[i] *= 30.0f;
  args.sequences = sequences;
  attention_forward(stream, spec, args);
  // Scores reach thousands: an f32 score of 2000 is known to 1e-4, and so is its exponential.
  EXPECT_LE(forward_error(spec, args), 2e-3);
}

TEST_P(OnPath, Bf16OutputIsTheRoundedF32Output) {
  const ScopedKernelPath path(GetParam());
  Stream stream(1);
  const AttentionSpec spec = spec_of(3, 20, true);
  const auto sequences = packed({70, 300});
  AttentionForward args = inputs(spec, 370, DType::bf16, 9);
  args.sequences = sequences;
  attention_forward(stream, spec, args);
  AttentionForward narrow = args;
  narrow.out = Tensor::zeros({370, 60}, DType::bf16);
  attention_forward(stream, spec, narrow);
  for (std::int64_t i = 0; i < 370 * 60; ++i)
    ASSERT_EQ(narrow.out.data<bf16>()[i].bits, to_bf16(args.out.data<float>()[i]).bits) << i;
}

TEST_P(OnPath, BackwardIsTheReference) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  for (const Case& c : cases())
    for (const DType type : {DType::f32, DType::bf16}) {
      const AttentionSpec spec = spec_of(c.heads, c.size, c.causal, c.dropout);
      const auto sequences = packed(c.lengths);
      const std::int64_t rows = total(c.lengths), width = c.heads * c.size;
      AttentionForward forward = inputs(spec, rows, type, 10);
      forward.sequences = sequences;
      attention_forward(stream, spec, forward);
      const Gradients fast = backward_of(forward, 11);
      attention_backward(stream, spec, fast.args);

      // The same values in f64.
      AttentionForward exact = inputs(spec, rows, DType::f64, 10);
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < width; ++i) {
          double* to = exact.q.data<double>() + r * 3 * width + i;
          to[0] = at(forward.q, r, i);
          to[width] = at(forward.k, r, i);
          to[2 * width] = at(forward.v, r, i);
        }
      exact.sequences = sequences;
      attention_forward_reference(stream, spec, exact);
      Gradients want = backward_of(exact, 11);
      for (std::int64_t i = 0; i < rows * width; ++i)
        want.args.dout.data<double>()[i] = double{fast.args.dout.data<float>()[i]};
      attention_backward_reference(stream, spec, want.args);
      const std::vector<double> got = values(fast.dqkv), expected = values(want.dqkv);
      Worst worst;
      for (std::size_t i = 0; i < got.size(); ++i) worst.see(got[i], expected[i]);
      EXPECT_LE(worst.most, 4e-6) << to_string(type) << " D " << c.size << " dropout " << c.dropout;
    }
}

TEST_P(OnPath, BackwardAddsWhereAsked) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  const AttentionSpec spec = spec_of(2, 24, true, 0.1f);
  const auto sequences = packed({40, 300});
  AttentionForward forward = inputs(spec, 340, DType::f32, 12);
  forward.sequences = sequences;
  attention_forward(stream, spec, forward);
  const Gradients plain = backward_of(forward, 13);
  const Gradients added = backward_of(forward, 13, true);
  const std::vector<double> before = values(added.dqkv);
  attention_backward(stream, spec, plain.args);
  attention_backward(stream, spec, added.args);
  const std::vector<double> after = values(added.dqkv), alone = values(plain.dqkv);
  for (std::size_t i = 0; i < after.size(); ++i)
    ASSERT_NEAR(after[i], before[i] + alone[i], 2e-6 * (1 + std::abs(after[i])));

  AttentionBackward none = plain.args;
  none.dq = none.dk = none.dv = {};
  attention_backward(stream, spec, none);
  none.dq = plain.args.dq;
  EXPECT_THROW(attention_backward(stream, spec, none), Error);
}

// What a serving step does: a prefix in one piece (any cut), then one token at a time from a cache.
TEST_P(OnPath, PrefixAndDecodeGiveTheBitsOfOnePass) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  for (const DType type : {DType::f32, DType::bf16})
    for (const std::int64_t size : {std::int64_t{64}, std::int64_t{20}}) {
      const AttentionSpec spec = spec_of(2, size, true);
      constexpr std::int64_t kTokens = 600;
      AttentionForward whole = inputs(spec, kTokens, type, 14);
      const auto sequences = packed({kTokens});
      whole.sequences = sequences;
      attention_forward(stream, spec, whole);
      AttentionForward pieces = whole;
      pieces.out = Tensor::zeros({kTokens, 2 * size}, DType::f32);
      pieces.lse = Tensor::zeros({kTokens, 2}, DType::f32);
      std::int64_t done = 0;
      const auto step = [&](std::int64_t n) {
        AttentionSequence s;
        s.query_begin = done;
        s.query_end = s.keys = done + n;
        s.first_position = done;
        pieces.sequences = std::span(&s, 1);
        attention_forward(stream, spec, pieces);
        done += n;
      };
      for (const std::int64_t n : {1, 1, 5, 93, 149, 1, 5, 1, 1, 1, 17, 230}) step(n);
      while (done < kTokens) step(1);
      EXPECT_TRUE(same_bits(whole.out, pieces.out)) << to_string(type) << " D " << size;
      EXPECT_TRUE(same_bits(whole.lse, pieces.lse)) << to_string(type) << " D " << size;
    }
}

// Blocks of few rows take another way through the same sums.
TEST_P(OnPath, FewRowsHaveTheBitsOfMany) {
  const ScopedKernelPath path(GetParam());
  Stream stream(1);
  constexpr std::int64_t kTokens = 300;
  for (const DType type : {DType::f32, DType::bf16})
    for (const std::int64_t size : {32, 48, 64, 96, 128, 256})
      for (const std::int64_t group : {1, 3}) {
        SCOPED_TRACE(::testing::Message()
                     << to_string(type) << " D " << size << " group " << group);
        AttentionSpec spec = spec_of(2 * group, size, true);
        AttentionForward whole = inputs(spec, kTokens, type, 21);
        spec.kv_heads = 2;
        whole.k = whole.k.columns(0, 2 * size);
        whole.v = whole.v.columns(0, 2 * size);
        const auto sequences = packed({kTokens});
        whole.sequences = sequences;
        attention_forward(stream, spec, whole);
        AttentionForward few = whole;
        few.out = Tensor::zeros(whole.out.shape(), DType::f32);
        few.lse = Tensor::zeros(whole.lse.shape(), DType::f32);
        // 1 to 9 queries at a time, from every third place.
        std::int64_t n = 1;
        for (std::int64_t begin = 0; begin + n <= kTokens; begin += 3, n = n % 9 + 1) {
          AttentionSequence s;
          s.query_begin = s.first_position = begin;
          s.query_end = s.keys = begin + n;
          few.sequences = std::span(&s, 1);
          attention_forward(stream, spec, few);
          EXPECT_TRUE(same_bits(whole.out.slice_rows(begin, begin + n),
                                few.out.slice_rows(begin, begin + n)))
              << n << " from " << begin;
        }
      }
}

TEST_P(OnPath, NeighboursAndThreadsChangeNoBit) {
  const ScopedKernelPath path(GetParam());
  for (const bool causal : {true, false}) {
    const AttentionSpec spec = spec_of(3, 48, causal, 0.2f);
    const std::vector<std::int64_t> lengths = {31, 257, 1, 300};
    const std::int64_t rows = total(lengths);
    const auto sequences = packed(lengths);
    AttentionForward all = inputs(spec, rows, DType::f32, 15);
    all.sequences = sequences;
    Stream one(1);
    attention_forward(one, spec, all);
    const Gradients gradients = backward_of(all, 16);
    attention_backward(one, spec, gradients.args);
    const auto check = [&](Stream& stream, std::span<const std::vector<AttentionSequence>> steps) {
      AttentionForward other = all;
      other.out = Tensor::zeros(all.out.shape(), DType::f32);
      other.lse = Tensor::zeros(all.lse.shape(), DType::f32);
      Gradients again = backward_of(other, 16);
      for (const auto& step : steps) {
        other.sequences = again.args.sequences = step;
        attention_forward(stream, spec, other);
        attention_backward(stream, spec, again.args);
      }
      EXPECT_TRUE(same_bits(all.out, other.out)) << stream.workers().count();
      EXPECT_TRUE(same_bits(all.lse, other.lse)) << stream.workers().count();
      EXPECT_TRUE(same_bits(gradients.dqkv, again.dqkv)) << stream.workers().count();
    };
    const std::vector<AttentionSequence> backwards(sequences.rbegin(), sequences.rend());
    std::vector<std::vector<AttentionSequence>> alone;
    alone.reserve(sequences.size());
    for (const AttentionSequence& s : sequences) alone.push_back({s});
    for (const int threads : {1, 3}) {
      Stream stream(threads);
      check(stream, std::array{sequences});
      check(stream, std::array{backwards});
      check(stream, alone);
    }
  }
}

TEST_P(OnPath, RowsOutsideTheSequencesStay) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  const AttentionSpec spec = spec_of(1, 20, true);
  auto sequences = packed({10, 40}, 3);
  sequences[1].query_begin = sequences[1].key_begin += 2;
  sequences[1].query_end += 2;
  const std::int64_t rows = 60;
  AttentionForward args = inputs(spec, rows, DType::f32, 17);
  args.sequences = sequences;
  // out is a slice of a wider tensor, so that columns beside it are watched too.
  const Tensor wider = Tensor::empty({rows, 40}, DType::f32);
  std::fill_n(wider.data<float>(), rows * 40, 123.0f);
  args.out = wider.columns(7, 27);
  std::fill_n(args.lse.data<float>(), rows, 123.0f);
  attention_forward(stream, spec, args);
  EXPECT_LE(forward_error(spec, args), 2e-6);
  AttentionForward dense = args;
  dense.out = random_tensor({rows, 20}, DType::f32, 18);
  Gradients g = backward_of(dense, 19);
  std::fill_n(g.dqkv.data<float>(), rows * 60, 123.0f);
  attention_backward(stream, spec, g.args);
  const auto inside = [&](std::int64_t row) {
    return (row >= 3 && row < 13) || (row >= 15 && row < 55);
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < 40; ++c)
      ASSERT_EQ(at(wider, r, c) == 123.0, !inside(r) || c < 7 || c >= 27) << r << ' ' << c;
    ASSERT_EQ(at(args.lse, r, 0) == 123.0, !inside(r));
    for (std::int64_t c = 0; c < 60; ++c) ASSERT_EQ(at(g.dqkv, r, c) == 123.0, !inside(r));
  }
}

// Keys of equal weight and values of 1 make an output the share of weights kept, over 1 - p.
TEST_P(OnPath, DropoutKeepsTheMean) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  constexpr std::int64_t kRows = 1024;
  const auto sequences = packed({kRows});
  for (const float p : {0.1f, 0.5f}) {
    const AttentionSpec spec = spec_of(2, 4, false, p);
    AttentionForward args = inputs(spec, kRows, DType::f32, 20);
    args.sequences = sequences;
    args.q = Tensor::zeros({kRows, 8}, DType::f32);
    args.v = Tensor::empty({kRows, 8}, DType::f32);
    std::fill_n(args.v.data<float>(), kRows * 8, 1.0f);
    attention_forward(stream, spec, args);
    double mean = 0, square = 0;
    for (std::int64_t r = 0; r < kRows; ++r)
      for (const std::int64_t c : {0, 4}) {
        mean += at(args.out, r, c) / (2 * kRows);
        square += at(args.out, r, c) * at(args.out, r, c) / (2 * kRows);
      }
    const double variance = double{p} / (1 - double{p}) / kRows;  // of one row
    EXPECT_NEAR(mean, 1.0, 4 * std::sqrt(variance / (2 * kRows)));
    EXPECT_NEAR((square - mean * mean) / variance, 1.0, 0.2);
  }
}

TEST(Attention, RefusesWhatDoesNotFit) {
  Stream stream(1);
  const AttentionSpec spec = spec_of(2, 8, true);
  const auto sequences = packed({6});
  AttentionForward good = inputs(spec, 6, DType::f32, 21);
  good.sequences = sequences;
  EXPECT_NO_THROW(attention_forward(stream, spec, good));
  const auto refused = [&](auto&& spoil) {
    AttentionSpec s = spec;
    AttentionForward args = good;
    std::vector<AttentionSequence> list = sequences;
    spoil(s, args, list[0]);
    args.sequences = list;
    EXPECT_ERROR(attention_forward(stream, s, args), ErrorCode::invalid_argument, "[attention] ");
  };
  using S = AttentionSpec&;
  using F = AttentionForward&;
  using Q = AttentionSequence&;
  refused([](S s, F, Q) { s.heads = 0; });
  refused([](S s, F, Q) { s.heads = 3; });
  refused([](S s, F, Q) { s.head_size = 257; });
  refused([](S s, F, Q) { s.dropout = 1; });
  refused([](S s, F, Q) { s.dropout = std::nanf(""); });
  refused([](S, F f, Q) { f.q = {}; });
  refused([](S, F f, Q) { f.k = {}; });
  refused([](S, F f, Q) { f.out = {}; });
  refused([](S, F f, Q) { f.v = Tensor::zeros({6, 16}, DType::bf16); });
  refused([](S, F f, Q) { f.out = Tensor::zeros({6, 16}, DType::f64); });
  refused([](S, F f, Q) { f.lse = Tensor::zeros({6, 3}, DType::f32); });
  refused([](S, F f, Q) { f.weights = Tensor::zeros({6, 2, 5}, DType::f32); });
  refused([](S, F, Q q) { q.query_end = 7; });
  refused([](S, F, Q q) { q.query_begin = -1; });
  refused([](S, F, Q q) { q.keys = 0; });
  refused([](S, F, Q q) { q.keys = 7; });
  refused([](S, F, Q q) { q.key_begin = 1; });
  refused([](S, F, Q q) { q.first_position = 1; });
  refused([](S, F, Q q) { q.first_position = -1; });
}

}  // namespace
}  // namespace stemma::kernels
