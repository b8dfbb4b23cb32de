#include "kernels/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "device/cpu.h"
#include "tests/base/expect_error.h"

namespace stemma::kernels {
namespace {

Tensor random_tensor(Shape shape, DType type, std::uint32_t seed, double spread = 1.0) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0.0, spread);
  Tensor t = Tensor::empty(shape, type);
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    const double value = normal(engine);
    if (type == DType::f64) t.data<double>()[i] = value;
    if (type == DType::f32) t.data<float>()[i] = static_cast<float>(value);
    if (type == DType::bf16) t.data<bf16>()[i] = to_bf16(static_cast<float>(value));
  }
  return t;
}

double at(const Tensor& t, std::int64_t row, std::int64_t column) {
  const std::int64_t i = row * t.row_stride() + column;
  if (t.dtype() == DType::f64) return t.data<double>()[i];
  return t.dtype() == DType::f32 ? double{t.data<float>()[i]} : double{to_float(t.data<bf16>()[i])};
}

std::vector<double> values(const Tensor& t) {
  std::vector<double> all;
  for (std::int64_t r = 0; r < t.rows(); ++r)
    for (std::int64_t c = 0; c < t.cols(); ++c) all.push_back(at(t, r, c));
  return all;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const auto row = [](const Tensor& t, std::int64_t r) {
    return t.data<float>() + r * t.row_stride();
  };
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  for (std::int64_t r = 0; r < a.rows(); ++r)
    if (std::memcmp(row(a, r), row(b, r), static_cast<std::size_t>(a.cols()) * sizeof(float)) != 0)
      return false;
  return true;
}

// Keeps the largest |got - want| / (1 + |want|); NaN counts.
struct Worst {
  double most = 0;
  void see(double got, double want) {
    const double e = std::abs(got - want) / (1 + std::abs(want));
    most = e <= most ? most : e;
  }
};

AttentionSpec spec_of(std::int64_t heads, std::int64_t size, bool causal, float dropout = 0) {
  AttentionSpec spec;
  spec.heads = heads;
  spec.head_size = size;
  spec.causal = causal;
  spec.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(size)));
  spec.dropout = dropout;
  spec.dropout_key = philox_key(0x1234567890ull);
  spec.dropout_step = 17;
  return spec;
}

// Sequences of these lengths end to end, keys and queries alike.
std::vector<AttentionSequence> packed(const std::vector<std::int64_t>& lengths,
                                      std::int64_t begin = 0) {
  std::vector<AttentionSequence> all;
  for (const std::int64_t n : lengths) {
    AttentionSequence s;
    s.query_begin = s.key_begin = begin;
    s.query_end = begin += n;
    s.keys = n;
    s.number = static_cast<std::int64_t>(all.size()) + 5;
    all.push_back(s);
  }
  return all;
}

std::int64_t total(const std::vector<std::int64_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
}

// The textbook in f64: a row of scores, softmax with the maximum taken out, a weighted sum.
struct BruteRow {
  std::vector<double> scores, weights, out;
  double lse;
};
class Brute {
 public:
  Brute(const AttentionSpec& spec, const AttentionForward& args)
      : spec_(spec), q_(values(args.q)), k_(values(args.k)), v_(values(args.v)) {}
  BruteRow row(const AttentionSequence& s, std::int64_t i, std::int64_t head) const;

 private:
  const double* head_of(const std::vector<double>& all, std::int64_t row, std::int64_t head) const {
    return all.data() + (row * spec_.heads + head) * spec_.head_size;
  }
  const AttentionSpec& spec_;
  std::vector<double> q_, k_, v_;
};
BruteRow Brute::row(const AttentionSequence& s, std::int64_t i, std::int64_t head) const {
  BruteRow row;
  const AttentionSpec& spec = spec_;
  const std::int64_t size = spec_.head_size;
  const double* q = head_of(q_, s.query_begin + i, head);
  double top = -1e300, sum = 0;
  for (std::int64_t j = 0; j < s.keys; ++j) {
    const double* k = head_of(k_, s.key_begin + j, head);
    double score = 0;
    for (std::int64_t d = 0; d < size; ++d) score += q[d] * k[d];
    row.scores.push_back(score * double{spec.scale});
    if (!spec.causal || j <= s.first_position + i) top = std::max(top, row.scores.back());
  }
  for (std::int64_t j = 0; j < s.keys; ++j) {
    const bool seen = !spec.causal || j <= s.first_position + i;
    row.weights.push_back(seen ? std::exp(row.scores[static_cast<std::size_t>(j)] - top) : 0.0);
    sum += row.weights.back();
  }
  row.lse = top + std::log(sum);
  row.out.assign(static_cast<std::size_t>(size), 0.0);
  for (std::int64_t j = 0; j < s.keys; ++j) {
    double& weight = row.weights[static_cast<std::size_t>(j)];
    weight /= sum;
    double factor = 1;
    if (spec.dropout > 0) {
      const PhiloxKey key{spec.dropout_key.low,
                          spec.dropout_key.high + static_cast<std::uint32_t>(head)};
      const std::array<std::uint32_t, 4> counter = {
          static_cast<std::uint32_t>(j / 4), static_cast<std::uint32_t>(s.first_position + i),
          static_cast<std::uint32_t>(s.number), spec.dropout_step};
      const float u = philox_uniform(philox(key, counter)[static_cast<std::size_t>(j % 4)]);
      factor = u >= spec.dropout ? 1 / (1 - double{spec.dropout}) : 0.0;
    }
    const double* v = head_of(v_, s.key_begin + j, head);
    for (std::int64_t d = 0; d < size; ++d)
      row.out[static_cast<std::size_t>(d)] += weight * factor * v[d];
  }
  return row;
}

// Largest error of out and lse against brute force, relative to 1 + |value|: all rows of a short
// sequence, every seventh and the last of a long one.
double forward_error(const AttentionSpec& spec, const AttentionForward& args) {
  Worst worst;
  const Brute textbook(spec, args);
  for (const AttentionSequence& s : args.sequences)
    for (std::int64_t i = 0, rows = s.query_end - s.query_begin; i < rows;
         i += rows < 100 || i + 7 >= rows ? 1 : 7)
      for (std::int64_t h = 0; h < spec.heads; ++h) {
        const BruteRow want = textbook.row(s, i, h);
        for (std::int64_t d = 0; d < spec.head_size; ++d)
          worst.see(at(args.out, s.query_begin + i, h * spec.head_size + d),
                    want.out[static_cast<std::size_t>(d)]);
        if (args.lse) worst.see(at(args.lse, s.query_begin + i, h), want.lse);
      }
  return worst.most;
}

DType wide(DType type) { return type == DType::f64 ? DType::f64 : DType::f32; }

// q, k, v as column slices of one product, as a model has them.
AttentionForward inputs(const AttentionSpec& spec, std::int64_t rows, DType type,
                        std::uint32_t seed, DType out = DType::f32) {
  const std::int64_t c = spec.heads * spec.head_size;
  const Tensor qkv = random_tensor({rows, 3 * c}, type, seed);
  AttentionForward args;
  args.q = qkv.columns(0, c);
  args.k = qkv.columns(c, 2 * c);
  args.v = qkv.columns(2 * c, 3 * c);
  args.out = Tensor::zeros({rows, c}, type == DType::f64 ? type : out);
  args.lse = Tensor::zeros({rows, spec.heads}, wide(type));
  return args;
}

struct Gradients {
  Tensor dqkv;
  AttentionBackward args;
};
Gradients backward_of(const AttentionForward& forward, std::uint32_t seed, bool add = false) {
  const std::int64_t rows = forward.q.rows(), c = forward.q.cols();
  const DType type = wide(forward.q.dtype());
  Gradients g;
  g.dqkv = add ? random_tensor({rows, 3 * c}, type, seed + 1) : Tensor::zeros({rows, 3 * c}, type);
  g.args = {random_tensor({rows, c}, type, seed),
            forward.q,
            forward.k,
            forward.v,
            forward.out,
            forward.lse,
            forward.sequences,
            {g.dqkv.columns(0, c), add},
            {g.dqkv.columns(c, 2 * c), add},
            {g.dqkv.columns(2 * c, 3 * c), add}};
  return g;
}

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
std::string path_name(const testing::TestParamInfo<KernelPath>& info) {
  return std::string(to_string(info.param));
}
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
          const BruteRow want = textbook.row(s, i, h);
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
