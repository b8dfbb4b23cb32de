#include "ops/embedding.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/base/expect_error.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

class EmbeddingTest : public testing::Test {
 protected:
  static Batch packed() {
    Batch batch;
    batch.ids = {2, 0, 4, 2, 1};
    batch.positions = {0, 1, 2, 0, 1};
    batch.segments = {0, 0, 1, 0, 1};
    batch.offsets = {0, 3, 5};
    return batch;
  }
  // Values whose sums are rounded; those of random_tensor alone have few bits.
  static Tensor thirds(Shape shape, std::uint64_t seed) {
    const Tensor t = random_tensor(shape, seed, DType::f32);
    for (std::int64_t i = 0; i < t.elements(); ++i) t.data<float>()[i] /= 3;
    return t;
  }
  static float at(const Tensor& t, std::int32_t row, std::int64_t col) {
    return t.data<float>()[row * t.row_stride() + col];
  }

  Stream stream_{1};
  Context ctx_{stream_};
  Batch batch_ = packed();
  Tensor tokens_ = thirds({5, 33}, 1);
  Tensor positions_ = thirds({3, 33}, 2);
  Tensor segments_ = thirds({2, 33}, 3);
};

// f32 sums in the order of the list.
TEST_F(EmbeddingTest, AddsTheTermsInTheirOrder) {
  const Tensor y = embedding(
      ctx_, batch_.ids, Weight(tokens_),
      {{batch_.positions, positions_}, {batch_.segments, segments_, "segment_embedding"}});
  const Tensor swapped = embedding(
      ctx_, batch_.ids, Weight(tokens_),
      {{batch_.segments, segments_, "segment_embedding"}, {batch_.positions, positions_}});
  bool differs = false;
  for (std::int32_t i = 0; i < 5; ++i)
    for (std::int64_t c = 0; c < 33; ++c) {
      const std::size_t n = static_cast<std::size_t>(i);
      const float token = at(tokens_, batch_.ids[n], c),
                  position = at(positions_, batch_.positions[n], c),
                  segment = at(segments_, batch_.segments[n], c);
      EXPECT_EQ(at(y, i, c), (token + position) + segment);
      EXPECT_EQ(at(swapped, i, c), (token + segment) + position);
      differs = differs || at(y, i, c) != at(swapped, i, c);
    }
  EXPECT_TRUE(differs);  // else the order would not be tested
}

TEST_F(EmbeddingTest, LeavesOutWhatIsEmpty) {
  const Tensor bare = embedding(ctx_, batch_.ids, Weight(tokens_));
  for (const Tensor& y : {embedding(ctx_, batch_, Weight(tokens_), {}),
                          embedding(ctx_, batch_.ids, Weight(tokens_),
                                    {{batch_.positions, {}}, {batch_.segments, {}}})})
    for (std::int32_t i = 0; i < 5; ++i)
      for (std::int64_t c = 0; c < 33; ++c) {
        EXPECT_EQ(at(bare, i, c), at(tokens_, batch_.ids[static_cast<std::size_t>(i)], c));
        EXPECT_EQ(at(y, i, c), at(bare, i, c));
      }
}

TEST_F(EmbeddingTest, ShowsAnObserverEveryTerm) {
  struct Names : Observer {
    std::vector<std::string> seen;
    void observe(std::string_view name, const Tensor&) override { seen.emplace_back(name); }
  } names;
  ctx_.set_observer(&names);
  embedding(ctx_, batch_.ids, Weight(tokens_),
            {{batch_.positions, positions_}, {batch_.segments, segments_, "segment_embedding"}});
  const std::vector<std::string> wanted = {"token_embedding", "position_embedding",
                                           "segment_embedding", "embedding"};
  EXPECT_EQ(names.seen, wanted);
}

TEST_F(EmbeddingTest, RefusesTablesOfAnotherWidthAndMissingIndices) {
  EXPECT_ERROR(embedding(ctx_, batch_, Weight(tokens_), random_tensor({3, 32}, 1, DType::f32)),
               ErrorCode::invalid_argument, "table must be [3, 33], got [3, 32]");
  batch_.segments.clear();
  EXPECT_ERROR(embedding(ctx_, batch_.ids, Weight(tokens_),
                         {{batch_.positions, positions_}, {batch_.segments, segments_}}),
               ErrorCode::invalid_argument, "5 rows need as many indices, got 0");
}

}  // namespace
}  // namespace stemma::ops
