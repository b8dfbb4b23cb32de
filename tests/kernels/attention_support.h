// What the tests of attention share: random arguments, and the textbook in f64 that the kernels are
// compared with: a T×T mask, softmax, weighted sums, and the softmax's own derivative.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "device/cpu.h"
#include "kernels/attention.h"

namespace stemma::kernels::attention_test {

inline std::string path_name(const testing::TestParamInfo<KernelPath>& info) {
  return std::string(to_string(info.param));
}

inline Tensor random_tensor(Shape shape, DType type, std::uint32_t seed, double spread = 1.0) {
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

inline double at(const Tensor& t, std::int64_t row, std::int64_t column) {
  const std::int64_t i = row * t.row_stride() + column;
  if (t.dtype() == DType::f64) return t.data<double>()[i];
  return t.dtype() == DType::f32 ? double{t.data<float>()[i]} : double{to_float(t.data<bf16>()[i])};
}

inline std::vector<double> values(const Tensor& t) {
  std::vector<double> all;
  for (std::int64_t r = 0; r < t.rows(); ++r)
    for (std::int64_t c = 0; c < t.cols(); ++c) all.push_back(at(t, r, c));
  return all;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
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

inline AttentionSpec spec_of(std::int64_t heads, std::int64_t size, bool causal,
                             float dropout = 0) {
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
inline std::vector<AttentionSequence> packed(const std::vector<std::int64_t>& lengths,
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

inline std::int64_t total(const std::vector<std::int64_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
}

// Whether the query at position i sees the key at position j.
inline bool sees(const AttentionSpec& spec, std::int64_t i, std::int64_t j) {
  if (!spec.causal) return true;
  const std::int64_t k = spec.pattern.k, back = i - j;
  switch (spec.pattern.kind) {
    case AttentionPattern::Kind::dense:
      return back >= 0;
    case AttentionPattern::Kind::local:
      return back >= 0 && back < k;
    case AttentionPattern::Kind::dilated:
      return back >= 0 && back % k == 0;
    case AttentionPattern::Kind::strided:
      return back >= 0 && (back < k || back % k == 0);
  }
  return false;
}

// The textbook in f64: a row of scores, a mask, softmax with the maximum taken out, a weighted sum.
struct BruteRow {
  std::vector<double> scores, weights, factors, out;  // factors: of dropout
  double lse;
};
struct BruteAll {
  std::vector<double> out, lse, dqkv;  // [rows, H, D], [rows, H], [rows, H + 2 G, D]
};
class Brute {
 public:
  Brute(const AttentionSpec& spec, const AttentionForward& args)
      : spec_(spec), q_(values(args.q)), k_(values(args.k)), v_(values(args.v)) {}
  // Scores of unseen keys only where asked, otherwise 0.
  BruteRow row(const AttentionSequence& s, std::int64_t i, std::int64_t head,
               bool unseen_scores = false) const;
  // All of sequences that attend to themselves, for dout [rows, H, D].
  BruteAll all(std::span<const AttentionSequence> sequences, const std::vector<double>& dout) const;

 private:
  const double* query(std::int64_t row, std::int64_t head) const {
    return q_.data() + (row * spec_.heads + head) * spec_.head_size;
  }
  // Offset of the key or value that query head `head` reads.
  std::int64_t shared(std::int64_t row, std::int64_t head) const {
    const std::int64_t groups = spec_.kv_heads == 0 ? spec_.heads : spec_.kv_heads;
    return (row * groups + head * groups / spec_.heads) * spec_.head_size;
  }
  double factor(const AttentionSequence& s, std::int64_t position, std::int64_t key,
                std::int64_t head) const;

  const AttentionSpec& spec_;
  std::vector<double> q_, k_, v_;
};
inline double Brute::factor(const AttentionSequence& s, std::int64_t position, std::int64_t key,
                            std::int64_t head) const {
  if (spec_.dropout == 0) return 1;
  const PhiloxKey philox_key{spec_.dropout_key.low,
                             spec_.dropout_key.high + static_cast<std::uint32_t>(head)};
  const std::array<std::uint32_t, 4> counter = {
      static_cast<std::uint32_t>(key / 4), static_cast<std::uint32_t>(position),
      static_cast<std::uint32_t>(s.number), spec_.dropout_step};
  const float u = philox_uniform(philox(philox_key, counter)[static_cast<std::size_t>(key % 4)]);
  return u >= spec_.dropout ? 1 / (1 - double{spec_.dropout}) : 0.0;
}
inline BruteRow Brute::row(const AttentionSequence& s, std::int64_t i, std::int64_t head,
                           bool unseen_scores) const {
  BruteRow row;
  const std::int64_t size = spec_.head_size, position = s.first_position + i;
  const double* q = query(s.query_begin + i, head);
  double top = -1e300, sum = 0;
  for (std::int64_t j = 0; j < s.keys; ++j) {
    const double* k = k_.data() + shared(s.key_begin + j, head);
    double score = 0;
    if (!unseen_scores && !sees(spec_, position, j)) {
      row.scores.push_back(0);
      continue;
    }
    for (std::int64_t d = 0; d < size; ++d) score += q[d] * k[d];
    row.scores.push_back(score * double{spec_.scale});
    if (sees(spec_, position, j)) top = std::max(top, row.scores.back());
  }
  for (std::int64_t j = 0; j < s.keys; ++j) {
    const double score = row.scores[static_cast<std::size_t>(j)];
    row.weights.push_back(sees(spec_, position, j) ? std::exp(score - top) : 0.0);
    sum += row.weights.back();
  }
  row.lse = top + std::log(sum);
  row.out.assign(static_cast<std::size_t>(size), 0.0);
  for (std::int64_t j = 0; j < s.keys; ++j) {
    double& weight = row.weights[static_cast<std::size_t>(j)];
    weight /= sum;
    row.factors.push_back(weight == 0 ? 0 : factor(s, position, j, head));
    if (weight == 0) continue;
    const double* v = v_.data() + shared(s.key_begin + j, head);
    for (std::int64_t d = 0; d < size; ++d)
      row.out[static_cast<std::size_t>(d)] += weight * row.factors.back() * v[d];
  }
  return row;
}
inline BruteAll Brute::all(std::span<const AttentionSequence> sequences,
                           const std::vector<double>& dout) const {
  const std::int64_t size = spec_.head_size, heads = spec_.heads;
  const std::int64_t kv_width = spec_.kv_heads == 0 ? heads * size : spec_.kv_heads * size;
  const std::int64_t width = heads * size, whole = width + 2 * kv_width;
  BruteAll all;
  all.out.resize(q_.size());
  all.lse.resize(q_.size() / static_cast<std::size_t>(size));
  all.dqkv.resize(q_.size() + k_.size() + v_.size());
  for (const AttentionSequence& s : sequences)
    for (std::int64_t i = 0; i < s.keys; ++i)
      for (std::int64_t h = 0; h < heads; ++h) {
        const BruteRow p = row(s, i, h);
        const std::int64_t place = (s.query_begin + i) * heads + h;
        const double* g = dout.data() + place * size;
        all.lse[static_cast<std::size_t>(place)] = p.lse;
        std::copy(p.out.begin(), p.out.end(), all.out.begin() + place * size);
        // dL/dweight of each key, and its mean under the weights (the softmax's Jacobian).
        std::vector<double> dweight(p.weights.size());
        double mean = 0;
        for (std::size_t j = 0; j < dweight.size(); ++j) {
          if (p.weights[j] == 0) continue;
          const double* v = v_.data() + shared(s.key_begin + static_cast<std::int64_t>(j), h);
          for (std::int64_t e = 0; e < size; ++e) dweight[j] += p.factors[j] * g[e] * v[e];
          mean += p.weights[j] * dweight[j];
        }
        const double* q = query(s.query_begin + i, h);
        double* dq = all.dqkv.data() + (s.query_begin + i) * whole + h * size;
        for (std::size_t j = 0; j < dweight.size(); ++j) {
          if (p.weights[j] == 0) continue;
          const std::int64_t key = s.key_begin + static_cast<std::int64_t>(j);
          const std::int64_t column = shared(key, h) - key * kv_width;
          double* dk = all.dqkv.data() + key * whole + width + column;
          double* dv = dk + kv_width;
          const double dscore = p.weights[j] * (dweight[j] - mean) * double{spec_.scale};
          for (std::int64_t e = 0; e < size; ++e) {
            dq[e] += dscore * k_[static_cast<std::size_t>(shared(key, h) + e)];
            dk[e] += dscore * q[e];
            dv[e] += p.weights[j] * p.factors[j] * g[e];
          }
        }
      }
  return all;
}

// Largest error of out and lse against brute force, relative to 1 + |value|: all rows of a short
// sequence, every seventh and the last of a long one.
inline double forward_error(const AttentionSpec& spec, const AttentionForward& args) {
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

inline DType wide(DType type) { return type == DType::f64 ? DType::f64 : DType::f32; }

// q, k, v as column slices of one product, as a model has them.
inline AttentionForward inputs(const AttentionSpec& spec, std::int64_t rows, DType type,
                               std::uint32_t seed, DType out = DType::f32) {
  const std::int64_t c = spec.heads * spec.head_size;
  const std::int64_t kv = spec.kv_heads == 0 ? c : spec.kv_heads * spec.head_size;
  const Tensor qkv = random_tensor({rows, c + 2 * kv}, type, seed);
  AttentionForward args;
  args.q = qkv.columns(0, c);
  args.k = qkv.columns(c, c + kv);
  args.v = qkv.columns(c + kv, c + 2 * kv);
  args.out = Tensor::zeros({rows, c}, type == DType::f64 ? type : out);
  args.lse = Tensor::zeros({rows, spec.heads}, wide(type));
  return args;
}

struct Gradients {
  Tensor dqkv;
  AttentionBackward args;
};
inline Gradients backward_of(const AttentionForward& forward, std::uint32_t seed,
                             bool add = false) {
  const std::int64_t rows = forward.q.rows(), c = forward.q.cols(), kv = forward.k.cols();
  const DType type = wide(forward.q.dtype());
  Gradients g;
  g.dqkv = add ? random_tensor({rows, c + 2 * kv}, type, seed + 1)
               : Tensor::zeros({rows, c + 2 * kv}, type);
  g.args = {random_tensor({rows, c}, type, seed),
            forward.q,
            forward.k,
            forward.v,
            forward.out,
            forward.lse,
            forward.sequences,
            {g.dqkv.columns(0, c), add},
            {g.dqkv.columns(c, c + kv), add},
            {g.dqkv.columns(c + kv, c + 2 * kv), add}};
  return g;
}

}  // namespace stemma::kernels::attention_test
