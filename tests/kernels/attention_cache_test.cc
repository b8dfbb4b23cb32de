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

// Some pages, of which a sequence has a few, out of order; what is not written is NaN, and must not
// be seen.
struct Cache {
  Tensor k, v;
  std::int64_t page_keys;
  std::vector<std::int32_t> pages;

  // Room for `keys` in one page, or in pages of `page` keys.
  Cache(const AttentionSpec& spec, std::int64_t keys, DType type, std::int64_t page = 0)
      : page_keys(page > 0 ? page : (keys + kKeyPanel - 1) / kKeyPanel * kKeyPanel) {
    const std::int64_t count = (keys + page_keys - 1) / page_keys;
    for (std::int64_t i = count; i > 0; --i) pages.push_back(static_cast<std::int32_t>(i));
    const Shape shape{(count + 1) * spec.key_value_heads() * page_keys, spec.head_size};
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
    s = {.query_end = n, .keys = done + n, .first_position = done, .pages = pages};
    AttentionForward args;
    args.q = rows.q.slice_rows(done, done + n);
    args.new_k = rows.k.slice_rows(done, done + n);
    args.new_v = rows.v.slice_rows(done, done + n);
    args.k = k;
    args.v = v;
    args.page_keys = page_keys;
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
          const bool far = pattern.kind == Kind::dilated || pattern.kind == Kind::strided;
          for (const std::int64_t page : {0, 256, 512}) {
            if (far && page > 0) continue;
            const AttentionForward rows = with_own_results(whole);
            const Cache cache(spec, kTokens, type, page);
            std::int64_t done = 0;
            const auto step = [&](std::int64_t n) {
              AttentionSequence s;
              attention_forward(stream, spec, cache.next(rows, done, n, s));
              done += n;
            };
            for (const std::int64_t n : {1, 2, 5, 93, 149, 1, 7, 245, 4}) step(n);
            while (done < kTokens) step(1);
            EXPECT_TRUE(same_bits(whole.out, rows.out)) << page;
            EXPECT_TRUE(same_bits(whole.lse, rows.lse)) << page;
          }
        }
}

Tensor rounded(const Tensor& rows) {
  const Tensor to = Tensor::zeros({rows.rows(), rows.cols()}, DType::f32);
  for (std::int64_t r = 0; r < rows.rows(); ++r)
    for (std::int64_t c = 0; c < rows.cols(); ++c)
      to.data<float>()[r * rows.cols() + c] =
          to_float(to_bf16(rows.data<float>()[r * rows.row_stride() + c]));
  return to;
}

// Keys and values are rounded on their way into a bf16 cache; nothing else is.
TEST_P(AttentionCache, ABf16CacheOfF32GivesTheBitsOfRoundedRows) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  constexpr std::int64_t kTokens = 300;
  using Kind = AttentionPattern::Kind;
  for (const AttentionPattern& pattern : {AttentionPattern{}, {Kind::dilated, 3}})
    for (const auto& attend : {attention_forward, attention_forward_reference}) {
      AttentionSpec spec = spec_of(6, 64, true);
      spec.kv_heads = 2;
      spec.pattern = pattern;
      const AttentionForward given = inputs(spec, kTokens, DType::f32, 36);
      AttentionForward whole = with_own_results(given);
      const auto sequences = packed({kTokens});
      whole.sequences = sequences;
      whole.k = rounded(given.k);
      whole.v = rounded(given.v);
      attend(stream, spec, whole);
      const AttentionForward rows = with_own_results(given);
      const Cache cache(spec, kTokens, DType::bf16);
      std::int64_t done = 0;
      for (const std::int64_t n : {1, 100, 1, 1, 150, 47}) {
        AttentionSequence s;
        attend(stream, spec, cache.next(rows, done, n, s));
        done += n;
      }
      EXPECT_TRUE(same_bits(whole.out, rows.out));
      EXPECT_TRUE(same_bits(whole.lse, rows.lse));
    }
}

// Two sequences that begin alike read the same pages and write to pages of their own.
TEST_P(AttentionCache, SequencesMayShareTheirFirstPages) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  const AttentionSpec spec = spec_of(2, 32, true);
  constexpr std::int64_t kShared = 256, kAll = 300;
  AttentionForward whole = inputs(spec, kAll, DType::f32, 35);
  const auto sequences = packed({kAll});
  whole.sequences = sequences;
  attention_forward(stream, spec, whole);
  const AttentionForward rows = with_own_results(whole);
  Cache first(spec, 512, DType::f32, 256);
  AttentionSequence s;
  attention_forward(stream, spec, first.next(rows, 0, kShared, s));
  Cache second = first;  // of the same memory
  first.pages = {2, 0};
  second.pages = {2, 1};
  AttentionSequence both[2];
  AttentionForward args = first.next(rows, kShared, kAll - kShared, both[0]);
  const AttentionForward other = second.next(rows, kShared, kAll - kShared, both[1]);
  attention_forward(stream, spec, args);
  EXPECT_TRUE(same_bits(whole.out.slice_rows(kShared, kAll), args.out));
  const AttentionForward again = with_own_results(other);
  attention_forward(stream, spec, again);
  EXPECT_TRUE(same_bits(args.out, again.out));
}

// Several sequences, each in a page of its own, where one page gets more tokens than another.
TEST_P(AttentionCache, SequencesOfABatchDoNotMeet) {
  const ScopedKernelPath path(GetParam());
  Stream stream(2);
  const AttentionSpec spec = spec_of(2, 32, true);
  const std::vector<std::int64_t> lengths = {40, 270, 1};
  const auto sequences = packed(lengths);
  AttentionForward whole = inputs(spec, total(lengths), DType::f32, 32);
  whole.sequences = sequences;
  attention_forward(stream, spec, whole);
  constexpr std::int64_t kPage = 288;
  AttentionForward cached = with_own_results(whole);
  cached.new_k = whole.k;
  cached.new_v = whole.v;
  cached.k = Tensor::zeros({3 * 2 * kPage, 32}, DType::f32);
  cached.v = Tensor::zeros({3 * 2 * kPage, 32}, DType::f32);
  cached.page_keys = kPage;
  auto paged = sequences;
  const std::vector<std::int32_t> pages = {2, 1, 0};
  for (std::size_t i = 0; i < paged.size(); ++i) paged[i].pages = std::span(&pages[i], 1);
  cached.sequences = paged;
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
  refused([](S, F f, Q) { f.page_keys = 40; });
  refused([](S, F f, Q) { f.page_keys = -32; });
  refused([](S, F f, Q) { f.page_keys = 96; });
  refused([](S s, F, Q) { s.causal = false; });
  refused([](S, F f, Q) { f.new_k = {}; });
  refused([](S, F f, Q) { f.v = Tensor::zeros(f.v.shape(), DType::bf16); });
  refused([](S, F f, Q) { f.q = Tensor::zeros(f.q.shape(), DType::bf16); });
  refused([](S, F f, Q) { f.new_v = f.new_v.slice_rows(0, 5); });
  refused([](S, F f, Q) { f.k = f.k.columns(0, 4); });
  refused([](S, F, Q q) { q.pages = {}; });
  constexpr std::int32_t kBad[] = {-1, 2, 0, 1};
  refused([&](S, F, Q q) { q.pages = std::span(kBad, 1); });
  refused([&](S, F, Q q) { q.pages = std::span(kBad + 1, 1); });
  refused([&](S, F, Q q) { q.pages = std::span(kBad + 2, 2); });  // of 64 keys
  refused([](S, F, Q q) { q.keys = 7; });
  refused([](S, F, Q q) { q.first_position = 59, q.keys = 65; });
}

}  // namespace
}  // namespace stemma::kernels
