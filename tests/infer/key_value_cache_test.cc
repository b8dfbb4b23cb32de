#include "infer/key_value_cache.h"

#include <cstring>

#include <gtest/gtest.h>

#include "models/model.h"
#include "nn/fresh_weights.h"
#include "tests/base/expect_error.h"

namespace stemma::infer {
namespace {

ModelConfig tiny() {
  ModelConfig c;
  c.family = "gpt2";
  c.vocab = 17;
  c.context = 16;
  c.channels = 12;
  c.heads = 3;
  c.layers = 2;
  c.hidden = 48;
  c.weight_std = 0.3;
  return c;
}

// Sequences of `lengths` tokens that begin at `first` positions; ids follow from the positions.
Batch batch_of(const std::vector<std::int64_t>& first, const std::vector<std::int64_t>& lengths) {
  Batch batch;
  batch.offsets = {0};
  for (std::size_t b = 0; b < first.size(); ++b) {
    for (std::int64_t t = first[b]; t < first[b] + lengths[b]; ++t) {
      batch.ids.push_back(
          static_cast<std::int32_t>((7 * t + 3 * static_cast<std::int64_t>(b)) % 17));
      batch.positions.push_back(static_cast<std::int32_t>(t));
    }
    batch.offsets.push_back(batch.tokens());
  }
  return batch;
}

TEST(KeyValueCache, ABatchMustGoOnWhereItsSlotEnds) {
  Stream stream(1);
  KeyValueCache cache(tiny(), {}, {.slots = 2, .capacity = 8});
  const std::vector<std::int64_t> both = {0, 1}, one = {0};
  EXPECT_ERROR(cache.prepare(stream, batch_of({0}, {3}), both), ErrorCode::invalid_argument,
               "2 slots for 1");
  EXPECT_ERROR(cache.prepare(stream, batch_of({1}, {3}), one), ErrorCode::invalid_argument,
               "position 0");
  cache.prepare(stream, batch_of({0, 0}, {3, 5}), both);
  EXPECT_EQ(cache.length(0), 0) << "before advance()";
  cache.advance();
  EXPECT_EQ(cache.length(0), 3);
  EXPECT_EQ(cache.length(1), 5);
  EXPECT_ERROR(cache.prepare(stream, batch_of({0}, {1}), one), ErrorCode::invalid_argument,
               "position 3");
  EXPECT_ERROR(cache.prepare(stream, batch_of({3, 4}, {1, 1}), both), ErrorCode::invalid_argument,
               "slot 1");
}

TEST(KeyValueCache, ASlotHasItsCapacity) {
  Stream stream(1);
  KeyValueCache cache(tiny(), {}, {.slots = 1, .capacity = 8});
  const std::vector<std::int64_t> slot = {0};
  EXPECT_ERROR(cache.prepare(stream, batch_of({0}, {9}), slot), ErrorCode::invalid_argument,
               "9 tokens");
  cache.prepare(stream, batch_of({0}, {8}), slot);
  cache.advance();
  EXPECT_ERROR(cache.prepare(stream, batch_of({8}, {1}), slot), ErrorCode::invalid_argument,
               "9 tokens");
  cache.truncate(0, 100);
  EXPECT_EQ(cache.length(0), 8) << "truncating never lengthens";
  cache.truncate(0, 2);
  EXPECT_EQ(cache.length(0), 2);
  cache.prepare(stream, batch_of({2}, {6}), slot);
}

TEST(KeyValueCache, BytesAreThoseOfKeysAndValues) {
  // 2 (k, v) · 2 layers · 3 slots · 32 tokens · 12 channels; slots are multiples of 32 tokens.
  for (const std::int64_t capacity : {8, 32}) {
    const auto bytes = [&](const ops::Numerics& numerics) {
      return KeyValueCache(tiny(), numerics, {.slots = 3, .capacity = capacity}).pool().bytes();
    };
    EXPECT_EQ(bytes(ops::Numerics::f32()), 2u * 2 * 3 * 32 * 12 * 4);
    EXPECT_EQ(bytes(ops::Numerics::bf16()), 2u * 2 * 3 * 32 * 12 * 2);
    ops::Numerics narrow_cache = ops::Numerics::f32();
    narrow_cache.cache = DType::bf16;
    EXPECT_EQ(bytes(narrow_cache), 2u * 2 * 3 * 32 * 12 * 2);
  }
}

// After truncate() other tokens follow as if those cut off had never been.
TEST(KeyValueCache, TruncatedTokensLeaveNoTrace) {
  nn::FreshWeights source(1);
  const std::unique_ptr<Model> model = build_model(tiny(), source);
  Stream stream(1);
  ops::Context ctx(stream);
  const std::vector<std::int64_t> slot = {0};
  const auto feed = [&](KeyValueCache& cache, const Batch& batch) {
    cache.prepare(stream, batch, slot);
    const Tensor h = model->forward({ctx, batch, cache});
    cache.advance();
    return h;
  };
  constexpr CacheOptions kRoom{.slots = 1, .capacity = 16};
  KeyValueCache cut(tiny(), {}, kRoom), fresh(tiny(), {}, kRoom);
  Batch wrong = batch_of({4}, {5});
  for (std::int32_t& id : wrong.ids) id = 16 - id;
  feed(cut, batch_of({0}, {4}));
  feed(cut, wrong);
  cut.truncate(0, 4);
  feed(fresh, batch_of({0}, {4}));
  const Tensor a = feed(cut, batch_of({4}, {3})), b = feed(fresh, batch_of({4}, {3}));
  EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.elements()) * sizeof(float)),
            0);
}

}  // namespace
}  // namespace stemma::infer
