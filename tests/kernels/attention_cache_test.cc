// Attention to a cache against attention to the same keys and values as rows.
#include <limits>

#include <gtest/gtest.h>

#include "kernels/attention.h"
#include "tests/base/expect_error.h"
#include "tests/kernels/attention_support.h"

namespace stemma::kernels {
namespace {

using namespace attention_test;

class AttentionCache : public testing::TestWithParam<KernelPath> {};
INSTANTIATE_TEST_SUITE_P(Attention, AttentionCache, testing::ValuesIn(available_kernel_paths()),
                         path_name);

// Two slots, the second of which is used; what is not written is NaN, and must not be seen.
struct Cache {
  Tensor k, v;
  std::int64_t slot_keys;

  Cache(const AttentionSpec& spec, std::int64_t keys, DType type)
      : slot_keys((keys + kKeyPanel - 1) / kKeyPanel * kKeyPanel) {
    const Shape shape{2 * spec.key_value_heads() * slot_keys, spec.head_size};
    k = Tensor::empty(shape, type);
    v = Tensor::empty(shape, type);
    for (const Tensor* t : {&k, &v})
      for (std::int64_t i = 0; i < t->elements(); ++i) {
        constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
        type == DType::bf16 ? void(t->data<bf16>()[i] = to_bf16(kNan))
                            : void(t->data<float>()[i] = kNan);
      }
  }

  // The next `n` tokens after `done` of `rows`, as a batch of their own.
  AttentionForward next(const AttentionForward& rows, std::int64_t done, std::int64_t n,
                        AttentionSequence& s) const {
    s = {.query_end = n, .keys = done + n, .first_position = done, .key_begin = slot_keys};
    AttentionForward args;
    args.q = rows.q.slice_rows(done, done + n);
    args.new_k = rows.k.slice_rows(done, done + n);
    args.new_v = rows.v.slice_rows(done, done + n);
    args.k = k;
    args.v = v;
    args.slot_keys = slot_keys;
    args.sequences = std::span(&s, 1);
    args.out = rows.out.slice_rows(done, done + n);
    args.lse = rows.lse.slice_rows(done, done + n);
    return args;
  }
};

AttentionForward with_own_results(const AttentionForward& args) {
  AttentionForward other = args;
  other.out = Tensor::zeros(args.out.shape(), args.out.dtype());
  other.lse = Tensor::zeros(args.lse.shape(), args.lse.dtype());
  return other;
}

// What a serving step does: a prompt in pieces of any length, then one token at a time.
TEST_P(AttentionCache, GivesTheBitsOfRows) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  using Kind = AttentionPattern::Kind;
  constexpr std::int64_t kTokens = 600;
  for (const DType type : {DType::f32, DType::bf16})
    for (const std::int64_t size : {20, 64, 128})
      for (const std::int64_t group : {1, 3, 11})
        for (const AttentionPattern& pattern :
             {AttentionPattern{}, {Kind::local, 70}, {Kind::dilated, 3}, {Kind::strided, 33}}) {
          // More rows of one query than are few: one size is enough.
          if (group == 11 && size != 20) continue;
          SCOPED_TRACE(testing::Message() << to_string(type) << " D " << size << " group " << group
                                          << " pattern " << static_cast<int>(pattern.kind));
          AttentionSpec spec = spec_of(2 * group, size, true);
          spec.kv_heads = 2;
          spec.pattern = pattern;
          AttentionForward whole = inputs(spec, kTokens, type, 31);
          const auto sequences = packed({kTokens});
          whole.sequences = sequences;
          attention_forward(stream, spec, whole);
          const AttentionForward rows = with_own_results(whole);
          const Cache cache(spec, kTokens, type);
          std::int64_t done = 0;
          const auto step = [&](std::int64_t n) {
            AttentionSequence s;
            attention_forward(stream, spec, cache.next(rows, done, n, s));
            done += n;
          };
          for (const std::int64_t n : {1, 2, 5, 93, 149, 1, 7, 245, 4}) step(n);
          while (done < kTokens) step(1);
          EXPECT_TRUE(same_bits(whole.out, rows.out));
          EXPECT_TRUE(same_bits(whole.lse, rows.lse));
        }
}

// Several sequences, each in a slot of its own, where one slot gets more tokens than another.
TEST_P(AttentionCache, SequencesOfABatchDoNotMeet) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  const AttentionSpec spec = spec_of(2, 32, true);
  const std::vector<std::int64_t> lengths = {40, 270, 1};
  const auto sequences = packed(lengths);
  AttentionForward whole = inputs(spec, total(lengths), DType::f32, 32);
  whole.sequences = sequences;
  attention_forward(stream, spec, whole);
  constexpr std::int64_t kSlot = 288;
  AttentionForward cached = with_own_results(whole);
  cached.new_k = whole.k;
  cached.new_v = whole.v;
  cached.k = Tensor::zeros({3 * 2 * kSlot, 32}, DType::f32);
  cached.v = Tensor::zeros({3 * 2 * kSlot, 32}, DType::f32);
  cached.slot_keys = kSlot;
  auto slots = sequences;
  for (std::size_t i = 0; i < slots.size(); ++i)
    slots[i].key_begin = (2 - static_cast<std::int64_t>(i)) * kSlot;
  cached.sequences = slots;
  attention_forward(stream, spec, cached);
  EXPECT_TRUE(same_bits(whole.out, cached.out));
}

TEST(AttentionCache, TheReferenceReadsAndWritesTheSameCache) {
  Stream stream(1);
  for (const AttentionPattern::Kind kind :
       {AttentionPattern::Kind::dense, AttentionPattern::Kind::dilated}) {
    AttentionSpec spec = spec_of(4, 24, true);
    spec.kv_heads = 2;
    spec.pattern = {kind, 3};
    AttentionForward whole = inputs(spec, 90, DType::f32, 33);
    const auto sequences = packed({90});
    whole.sequences = sequences;
    attention_forward_reference(stream, spec, whole);
    const AttentionForward rows = with_own_results(whole);
    const Cache cache(spec, 90, DType::f32);
    AttentionSequence s;
    attention_forward(stream, spec, cache.next(rows, 0, 50, s));
    for (std::int64_t done = 50; done < 90; done += 8)
      attention_forward_reference(stream, spec, cache.next(rows, done, 8, s));
    EXPECT_TRUE(same_bits(whole.out.slice_rows(50, 90), rows.out.slice_rows(50, 90)));
  }
}

TEST(AttentionCache, RefusesWhatDoesNotFit) {
  Stream stream(1);
  const AttentionSpec spec = spec_of(2, 8, true);
  const AttentionForward rows = inputs(spec, 6, DType::f32, 34);
  const Cache cache(spec, 40, DType::f32);
  AttentionSequence good_sequence;
  const AttentionForward good = cache.next(rows, 0, 6, good_sequence);
  EXPECT_NO_THROW(attention_forward(stream, spec, good));
  const auto refused = [&](auto&& spoil) {
    AttentionSpec s = spec;
    AttentionForward args = good;
    AttentionSequence sequence = good_sequence;
    spoil(s, args, sequence);
    args.sequences = std::span(&sequence, 1);
    EXPECT_ERROR(attention_forward(stream, s, args), ErrorCode::invalid_argument, "[attention] ");
  };
  using S = AttentionSpec&;
  using F = AttentionForward&;
  using Q = AttentionSequence&;
  refused([](S, F f, Q) { f.slot_keys = 40; });
  refused([](S, F f, Q) { f.slot_keys = -32; });
  refused([](S, F f, Q) { f.slot_keys = 96; });
  refused([](S s, F, Q) { s.causal = false; });
  refused([](S, F f, Q) { f.new_k = {}; });
  refused([](S, F f, Q) { f.new_v = f.new_v.slice_rows(0, 5); });
  refused([](S, F f, Q) { f.k = f.k.columns(0, 4); });
  refused([](S, F, Q q) { q.key_begin = 32; });
  refused([](S, F, Q q) { q.key_begin = 128; });
  refused([](S, F, Q q) { q.keys = 7; });
  refused([](S, F, Q q) { q.first_position = 59, q.keys = 65; });
}

}  // namespace
}  // namespace stemma::kernels
