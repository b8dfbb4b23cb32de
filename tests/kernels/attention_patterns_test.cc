// Grouped heads and sparse patterns of attention against the T×T textbook, and the orders of sums
// that kernels/attention.h promises.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/attention.h"
#include "tests/base/expect_error.h"
#include "tests/kernels/attention_support.h"

namespace stemma::kernels {
namespace {

using namespace attention_test;
using Kind = AttentionPattern::Kind;

struct Variant {
  Kind kind;
  std::int64_t k;
  std::int64_t heads, kv_heads, size;
  std::vector<std::int64_t> lengths;
  float dropout;
};

// Lengths around the borders of chunks (256), of k, and of chunks of a stripe (256 k).
const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = {
      {Kind::dense, 1, 2, 1, 64, {255, 257, 1}, 0},
      {Kind::dense, 1, 8, 2, 20, {40, 300}, 0.2f},
      {Kind::dense, 1, 8, 1, 5, {520, 7}, 0},
      {Kind::dense, 1, 3, 1, 33, {49, 17}, 0.1f},
      {Kind::local, 1, 2, 2, 8, {1, 2, 70}, 0},
      {Kind::local, 3, 4, 2, 20, {2, 3, 4, 300}, 0.2f},
      {Kind::local, 64, 2, 1, 64, {63, 64, 65, 257}, 0},
      {Kind::local, 100, 1, 1, 5, {600, 99, 101}, 0.3f},
      {Kind::local, 255, 1, 1, 7, {254, 513}, 0},
      {Kind::local, 256, 2, 1, 16, {256, 257, 520}, 0},
      {Kind::local, 257, 8, 1, 3, {530}, 0.1f},
      {Kind::local, 300, 2, 2, 33, {299, 570}, 0},
      {Kind::dilated, 1, 2, 1, 16, {1, 257}, 0},
      {Kind::dilated, 2, 2, 1, 20, {1, 2, 3, 530}, 0.2f},
      {Kind::dilated, 3, 1, 1, 64, {790, 2}, 0},
      {Kind::dilated, 7, 8, 2, 5, {6, 7, 8, 300}, 0.3f},
      {Kind::dilated, 256, 4, 1, 9, {255, 257, 513}, 0},
      {Kind::dilated, 1000, 2, 2, 8, {70}, 0},
      {Kind::strided, 1, 2, 2, 16, {1, 2, 300}, 0},
      {Kind::strided, 2, 2, 1, 20, {1, 2, 3, 600}, 0.2f},
      {Kind::strided, 3, 1, 1, 16, {4, 790}, 0},
      {Kind::strided, 16, 8, 2, 5, {15, 16, 17, 300}, 0.3f},
      {Kind::strided, 100, 3, 1, 33, {310, 99, 101}, 0},
      {Kind::strided, 256, 4, 2, 9, {255, 257, 520}, 0},
      {Kind::strided, 300, 2, 2, 7, {299, 610}, 0.1f},
      {Kind::strided, 1000, 2, 1, 8, {70}, 0},
  };
  return all;
}

AttentionSpec spec_for(const Variant& v) {
  AttentionSpec spec = spec_of(v.heads, v.size, true, v.dropout);
  spec.kv_heads = v.kv_heads;
  spec.pattern = {v.kind, v.k};
  return spec;
}
std::string variant_name(const Variant& v, DType type) {
  static const char* const kinds[] = {"dense", "local", "dilated", "strided"};
  return std::string(kinds[static_cast<int>(v.kind)]) + " k " + std::to_string(v.k) + " heads " +
         std::to_string(v.heads) + "/" + std::to_string(v.kv_heads) + " D " +
         std::to_string(v.size) + " " + std::string(to_string(type));
}

// One of each kind of pattern and ratio of heads, for tests of bits.
std::vector<AttentionSpec> some_specs(float dropout, std::int64_t size) {
  std::vector<AttentionSpec> all;
  for (const AttentionPattern pattern : {AttentionPattern{Kind::dense, 1},
                                         {Kind::local, 70},
                                         {Kind::local, 256},
                                         {Kind::dilated, 2},
                                         {Kind::dilated, 50},
                                         {Kind::strided, 2},
                                         {Kind::strided, 60}})
    for (const std::int64_t kv_heads : {1, 2, 4}) {
      if (kv_heads != 2 && (pattern.k == 256 || pattern.k == 50)) continue;
      AttentionSpec spec = spec_of(4, size, true, dropout);
      spec.kv_heads = kv_heads;
      spec.pattern = pattern;
      all.push_back(spec);
    }
  return all;
}

using Forward = void (*)(Stream&, const AttentionSpec&, const AttentionForward&);
using Backward = void (*)(Stream&, const AttentionSpec&, const AttentionBackward&);

// The same values in another type; numbers that bf16 holds.
Tensor in_type(const Tensor& from, DType type) {
  const Tensor to = Tensor::empty({from.rows(), from.cols()}, type);
  for (std::int64_t r = 0; r < from.rows(); ++r)
    for (std::int64_t c = 0; c < from.cols(); ++c) {
      const std::int64_t i = r * from.cols() + c;
      if (type == DType::f64) to.data<double>()[i] = at(from, r, c);
      if (type == DType::f32) to.data<float>()[i] = static_cast<float>(at(from, r, c));
      if (type == DType::bf16) to.data<bf16>()[i] = to_bf16(static_cast<float>(at(from, r, c)));
    }
  return to;
}

double worst_of(const std::vector<double>& got, const std::vector<double>& want) {
  Worst worst;
  EXPECT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) worst.see(got[i], want[i]);
  return worst.most;
}

// Errors of a kernel's output and gradients against the textbook, in each of the types.
void expect_textbook(const Variant& v, Forward run, Backward run_back,
                     std::span<const DType> types) {
  Stream stream(2);
  const AttentionSpec spec = spec_for(v);
  const auto sequences = packed(v.lengths);
  const AttentionForward narrow = inputs(spec, total(v.lengths), DType::bf16, 3);
  const Tensor dout = random_tensor({total(v.lengths), v.heads * v.size}, DType::bf16, 4);
  const BruteAll want = Brute(spec, narrow).all(sequences, values(dout));
  for (const DType type : types) {
    AttentionForward forward = inputs(spec, total(v.lengths), type, 0);
    forward.q = in_type(narrow.q, type);
    forward.k = in_type(narrow.k, type);
    forward.v = in_type(narrow.v, type);
    forward.sequences = sequences;
    run(stream, spec, forward);
    Gradients g = backward_of(forward, 5);
    g.args.dout = in_type(dout, wide(type));
    run_back(stream, spec, g.args);
    const double limit = type == DType::f64 ? 1e-13 : 2e-6;
    EXPECT_LE(worst_of(values(forward.out), want.out), limit) << variant_name(v, type);
    EXPECT_LE(worst_of(values(forward.lse), want.lse), limit) << variant_name(v, type);
    EXPECT_LE(worst_of(values(g.dqkv), want.dqkv), 8 * limit) << variant_name(v, type);
  }
}

TEST(AttentionReference, PatternsAndGroupsAreTheTextbook) {
  for (const Variant& v : variants())
    expect_textbook(v, attention_forward_reference, attention_backward_reference,
                    std::array{DType::f64, DType::f32, DType::bf16});
}

TEST(AttentionReference, UnseenKeysWeighExactlyNothing) {
  Stream stream(1);
  for (const AttentionSpec& spec : some_specs(0.2f, 8)) {
    const auto sequences = packed({5, 300});
    AttentionForward args = inputs(spec, 305, DType::f32, 4);
    args.sequences = sequences;
    args.scores = Tensor::empty({305, 4, 300}, DType::f32);
    args.weights = Tensor::empty({305, 4, 300}, DType::f32);
    attention_forward(stream, spec, args);
    const Brute textbook(spec, args);
    for (const AttentionSequence& s : sequences)
      for (std::int64_t i = 0; i < s.keys; i += i < 3 || s.keys < 10 ? 1 : 37)
        for (std::int64_t h = 0; h < 4; ++h) {
          const BruteRow want = textbook.row(s, i, h, true);
          for (std::int64_t j = 0; j < s.keys; ++j) {
            const std::int64_t e = ((s.query_begin + i) * 4 + h) * 300 + j;
            const double weight = double{args.weights.data<float>()[e]};
            ASSERT_EQ(weight == 0.0, !sees(spec, i, j)) << i << ' ' << j;
            ASSERT_NEAR(weight, want.weights[static_cast<std::size_t>(j)], 1e-6);
            ASSERT_NEAR(args.scores.data<float>()[e], want.scores[static_cast<std::size_t>(j)],
                        1e-5);
          }
        }
  }
}

class PatternOnPath : public testing::TestWithParam<KernelPath> {};
INSTANTIATE_TEST_SUITE_P(Attention, PatternOnPath, testing::ValuesIn(available_kernel_paths()),
                         path_name);

class PatternTextbook : public testing::TestWithParam<KernelPath> {};
INSTANTIATE_TEST_SUITE_P(AttentionReference, PatternTextbook,
                         testing::ValuesIn(available_kernel_paths()), path_name);

TEST_P(PatternTextbook, HoldsForPatternsAndGroups) {
  const ScopedKernelPath path(GetParam());
  for (const Variant& v : variants())
    expect_textbook(v, attention_forward, attention_backward, std::array{DType::f32, DType::bf16});
}

// A prefix in one piece (any cut), then one token at a time from a cache.
TEST_P(PatternOnPath, PrefixAndDecodeGiveTheBitsOfOnePass) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  constexpr std::int64_t kTokens = 600;
  for (const DType type : {DType::f32, DType::bf16})
    for (const AttentionSpec& spec : some_specs(0, 20)) {
      AttentionForward whole = inputs(spec, kTokens, type, 14);
      const auto sequences = packed({kTokens});
      whole.sequences = sequences;
      attention_forward(stream, spec, whole);
      AttentionForward pieces = whole;
      pieces.out = Tensor::zeros(whole.out.shape(), DType::f32);
      pieces.lse = Tensor::zeros(whole.lse.shape(), DType::f32);
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
      EXPECT_TRUE(same_bits(whole.out, pieces.out))
          << static_cast<int>(spec.pattern.kind) << ' ' << spec.pattern.k << ' ' << spec.kv_heads;
      EXPECT_TRUE(same_bits(whole.lse, pieces.lse));
    }
}

TEST_P(PatternOnPath, NeighboursAndThreadsChangeNoBit) {
  const ScopedKernelPath path(GetParam());
  const std::vector<std::int64_t> lengths = {31, 257, 1, 300};
  const auto sequences = packed(lengths);
  for (const AttentionSpec& spec : some_specs(0.2f, 12)) {
    AttentionForward all = inputs(spec, total(lengths), DType::f32, 15);
    all.sequences = sequences;
    Stream one(1);
    attention_forward(one, spec, all);
    const Gradients gradients = backward_of(all, 16);
    attention_backward(one, spec, gradients.args);
    Stream three(3);
    AttentionForward other = all;
    other.out = Tensor::zeros(all.out.shape(), DType::f32);
    other.lse = Tensor::zeros(all.lse.shape(), DType::f32);
    Gradients again = backward_of(other, 16);
    for (const bool alone : {false, true}) {
      const std::size_t at_once = alone ? 1 : sequences.size();
      for (std::size_t s = 0; s < sequences.size(); s += at_once) {
        other.sequences = again.args.sequences = std::span(sequences).subspan(s, at_once);
        attention_forward(three, spec, other);
        attention_backward(three, spec, again.args);
      }
      EXPECT_TRUE(same_bits(all.out, other.out)) << static_cast<int>(spec.pattern.kind);
      EXPECT_TRUE(same_bits(all.lse, other.lse));
      EXPECT_TRUE(same_bits(gradients.dqkv, again.dqkv)) << static_cast<int>(spec.pattern.kind);
    }
  }
}

// Patterns that let a query see everything, and groups whose heads hold the same keys.
TEST_P(PatternOnPath, WhatSeesAllKeysHasTheBitsOfDense) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  const auto sequences = packed({300, 570});
  const auto run = [&](const AttentionSpec& spec, AttentionForward forward) {
    forward.sequences = sequences;
    forward.out = Tensor::zeros(forward.out.shape(), DType::f32);
    forward.lse = Tensor::zeros(forward.lse.shape(), DType::f32);
    attention_forward(stream, spec, forward);
    const Gradients g = backward_of(forward, 9);
    attention_backward(stream, spec, g.args);
    return std::pair(forward.out, g.dqkv);
  };
  AttentionSpec spec = spec_of(4, 24, true, 0.1f);
  spec.kv_heads = 2;
  const AttentionForward args = inputs(spec, 870, DType::f32, 8);
  const auto [out, gradients] = run(spec, args);
  for (const AttentionPattern pattern :
       {AttentionPattern{Kind::local, 570}, {Kind::local, 2147483647}, {Kind::dilated, 1}}) {
    spec.pattern = pattern;
    const auto [same_out, same_gradients] = run(spec, args);
    EXPECT_TRUE(same_bits(out, same_out));
    EXPECT_TRUE(same_bits(gradients, same_gradients));
  }

  // Each key-value head written out for each of its two query heads.
  AttentionSpec plain = spec_of(4, 24, true, 0.1f);
  AttentionForward wide_args = inputs(plain, 870, DType::f32, 8);
  for (std::int64_t r = 0; r < 870; ++r)
    for (std::int64_t c = 0; c < 96; ++c) {
      const std::int64_t from = c / 48 * 24 + c % 24;
      const auto row = [r](const Tensor& t) { return t.data<float>() + r * t.row_stride(); };
      row(wide_args.q)[c] = row(args.q)[c];
      row(wide_args.k)[c] = row(args.k)[from];
      row(wide_args.v)[c] = row(args.v)[from];
    }
  const auto [wide_out, wide_gradients] = run(plain, wide_args);
  EXPECT_TRUE(same_bits(out, wide_out));
  EXPECT_TRUE(same_bits(gradients.columns(0, 96), wide_gradients.columns(0, 96)));
  for (std::int64_t r = 0; r < 870; ++r)
    for (std::int64_t c = 0; c < 96; ++c) {  // dk of 2 heads, dv of 2 heads
      const std::int64_t first = 96 + c / 24 * 48 + c % 24;
      const double sum = at(wide_gradients, r, first) + at(wide_gradients, r, first + 24);
      ASSERT_NEAR(at(gradients, r, 96 + c), sum, 1e-5 * (1 + std::abs(sum)));
    }
}

// The cost follows the pattern: keys of other stripes, and keys far outside the window, are not
// read.
TEST_P(PatternOnPath, ReadsOnlyKeysNearWhatItSees) {
  const ScopedKernelPath path(GetParam());
  Stream stream(1);
  constexpr std::int64_t kTokens = 700;
  for (const AttentionPattern pattern :
       {AttentionPattern{Kind::local, 40}, {Kind::dilated, 30}, {Kind::strided, 40}}) {
    AttentionSpec spec = spec_of(2, 16, true);
    spec.kv_heads = 1;
    spec.pattern = pattern;
    AttentionForward args = inputs(spec, kTokens, DType::f32, 31);
    const auto sequences = packed({kTokens});
    args.sequences = sequences;
    attention_forward(stream, spec, args);
    AttentionForward last = args;
    last.out = Tensor::zeros(args.out.shape(), DType::f32);
    AttentionSequence s = sequences[0];
    s.query_begin = s.first_position = kTokens - 1;
    last.sequences = std::span(&s, 1);
    for (std::int64_t j = 0; j + 40 + 64 < kTokens; ++j)
      for (std::int64_t d = 0; d < 16 && !sees(spec, kTokens - 1, j); ++d)
        args.k.data<float>()[j * args.k.row_stride() + d] =
            args.v.data<float>()[j * args.v.row_stride() + d] =
                std::numeric_limits<float>::quiet_NaN();
    attention_forward(stream, spec, last);
    EXPECT_TRUE(same_bits(args.out.slice_rows(kTokens - 1, kTokens),
                          last.out.slice_rows(kTokens - 1, kTokens)))
        << static_cast<int>(pattern.kind);
  }
}

TEST_P(PatternOnPath, BackwardAddsWhereAsked) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  const auto sequences = packed({40, 300});
  for (const AttentionSpec& spec : some_specs(0.1f, 20)) {
    AttentionForward forward = inputs(spec, 340, DType::f32, 12);
    forward.sequences = sequences;
    attention_forward(stream, spec, forward);
    const Gradients plain = backward_of(forward, 13), added = backward_of(forward, 13, true);
    // What is overwritten must not matter.
    std::fill_n(plain.dqkv.data<float>(), plain.dqkv.elements(),
                std::numeric_limits<float>::quiet_NaN());
    const std::vector<double> before = values(added.dqkv);
    attention_backward(stream, spec, plain.args);
    attention_backward(stream, spec, added.args);
    const std::vector<double> after = values(added.dqkv), alone = values(plain.dqkv);
    for (std::size_t i = 0; i < after.size(); ++i)
      ASSERT_NEAR(after[i], before[i] + alone[i], 4e-6 * (1 + std::abs(after[i])));
  }
}

TEST(Attention, RefusesPatternsAndGroupsThatDoNotFit) {
  Stream stream(1);
  AttentionSpec good = spec_of(4, 8, true);
  good.kv_heads = 2;
  const auto sequences = packed({6});
  AttentionForward args = inputs(good, 6, DType::f32, 21);
  args.sequences = sequences;
  EXPECT_NO_THROW(attention_forward(stream, good, args));
  const auto refused = [&](auto&& spoil, const char* message) {
    AttentionSpec spec = good;
    spoil(spec);
    EXPECT_ERROR(attention_forward(stream, spec, args), ErrorCode::invalid_argument, message);
    EXPECT_ERROR(attention_forward_reference(stream, spec, args), ErrorCode::invalid_argument,
                 message);
  };
  using S = AttentionSpec&;
  refused([](S s) { s.kv_heads = 3; }, "kv_heads must be 0 or divide the 4 heads, got 3");
  refused([](S s) { s.kv_heads = -1; }, "kv_heads must be");
  refused([](S s) { s.kv_heads = 8; }, "kv_heads must be");
  refused([](S s) { s.kv_heads = 0; }, "k must be f32 [6, 32]");
  refused([](S s) { s.kv_heads = 1; }, "k must be f32 [6, 8]");
  for (const Kind kind : {Kind::local, Kind::dilated, Kind::strided}) {
    refused([&](S s) { s.pattern = {kind, 0}; }, "k of a sparse pattern must be in 1..");
    refused([&](S s) { s.pattern = {kind, std::int64_t{1} << 31}; }, "k of a sparse pattern");
    refused(
        [&](S s) {
          s.pattern = {kind, 4}, s.causal = false;
        },
        "a sparse pattern must be causal");
  }
}

}  // namespace
}  // namespace stemma::kernels
