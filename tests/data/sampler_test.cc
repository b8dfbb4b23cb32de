#include "data/sampler.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "data/permutation.h"
#include "tests/data/support.h"

namespace stemma {
namespace {

using test::error_of;
using test::TemporaryFolder;
using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kEnd = 9999;

// Documents of the given lengths whose tokens are all different, 0, 1, 2, ..., so that a token says
// where it stands; in shards of two documents.
class Sampling : public ::testing::Test {
 protected:
  std::shared_ptr<const Split> split_of(const std::vector<int>& lengths, bool separator = true) {
    std::vector<TokenShard> shards;
    std::int32_t next = 0;
    documents_.clear();
    stream_.clear();
    for (std::size_t d = 0; d < lengths.size(); d += 2) {
      const auto path = folder_.path() / (std::to_string(d) + ".tokens");
      ShardWriter writer(path, {10'000, separator ? std::optional(kEnd) : std::nullopt, 0});
      for (std::size_t i = d; i < std::min(d + 2, lengths.size()); ++i) {
        Ids ids(static_cast<std::size_t>(lengths[i]));
        std::iota(ids.begin(), ids.end(), next);
        next += lengths[i];
        writer.add_document(ids, ids.size());
        if (separator) stream_.push_back(kEnd);
        stream_.insert(stream_.end(), ids.begin(), ids.end());
        documents_.push_back(ids);
      }
      writer.finish();
      shards.emplace_back(path);
    }
    return std::make_shared<Split>("training data", std::move(shards));
  }
  TemporaryFolder folder_;
  std::vector<Ids> documents_;
  Ids stream_;
};

void expect_consistent(const Batch& batch) {
  ASSERT_EQ(batch.offsets.front(), 0);
  ASSERT_EQ(batch.offsets.back(), batch.tokens());
  ASSERT_EQ(batch.targets.size(), batch.ids.size());
  ASSERT_EQ(batch.positions.size(), batch.ids.size());
  for (std::int64_t b = 0; b < batch.sequences(); ++b) {
    const auto begin = static_cast<std::size_t>(batch.offsets[static_cast<std::size_t>(b)]);
    const auto end = static_cast<std::size_t>(batch.offsets[static_cast<std::size_t>(b) + 1]);
    ASSERT_LT(begin, end);
    for (std::size_t i = begin; i < end; ++i) {
      EXPECT_EQ(batch.positions[i], static_cast<std::int32_t>(i - begin));
      if (i + 1 < end) {
        EXPECT_EQ(batch.targets[i], batch.ids[i + 1]);
      }
    }
  }
}

// fill(a, n) == the pieces of it, joined.
void expect_same_for_any_split(const Sampler& sampler, std::int64_t first, std::int64_t count) {
  Batch whole, part;
  sampler.fill(first, count, 0, whole);
  EXPECT_EQ(sampler.targets_in(first, count), whole.tokens());
  for (const std::int64_t step : {std::int64_t{1}, std::int64_t{3}, count / 2}) {
    Batch joined;
    joined.offsets = {0};
    for (std::int64_t at = 0; at < count; at += step) {
      sampler.fill(first + at, std::min(step, count - at), at, part);
      const std::int64_t before = joined.tokens();
      joined.ids.insert(joined.ids.end(), part.ids.begin(), part.ids.end());
      joined.targets.insert(joined.targets.end(), part.targets.begin(), part.targets.end());
      joined.positions.insert(joined.positions.end(), part.positions.begin(), part.positions.end());
      joined.numbers.insert(joined.numbers.end(), part.numbers.begin(), part.numbers.end());
      for (std::size_t i = 1; i < part.offsets.size(); ++i)
        joined.offsets.push_back(before + part.offsets[i]);
    }
    EXPECT_EQ(joined.ids, whole.ids);
    EXPECT_EQ(joined.targets, whole.targets);
    EXPECT_EQ(joined.positions, whole.positions);
    EXPECT_EQ(joined.numbers, whole.numbers);
    EXPECT_EQ(joined.offsets, whole.offsets);
  }
  const std::set<std::int64_t> numbers(whole.numbers.begin(), whole.numbers.end());
  EXPECT_EQ(static_cast<std::int64_t>(numbers.size()), whole.sequences());  // no number twice
}

TEST(Permutation, HitsEveryValueOnce) {
  for (std::uint64_t n = 1; n <= 130; ++n)
    for (const std::uint64_t epoch : {0ull, 1ull, 1ull << 40}) {
      std::vector<bool> seen(n);
      for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint64_t value = permuted(i, n, 42, epoch);
        ASSERT_LT(value, n);
        ASSERT_FALSE(seen[value]) << n;
        seen[value] = true;
      }
    }
  const std::uint64_t n = 100'003;
  std::vector<bool> seen(n);
  for (std::uint64_t i = 0; i < n; ++i) seen[permuted(i, n, 7, 3)] = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<std::ptrdiff_t>(n));
}

// Positions of a random permutation are uniform: chi-squared over 64 cells of 3200 epochs.
TEST(Permutation, IsEvenOverEpochsAndSeeds) {
  const std::uint64_t n = 64;
  for (const std::uint64_t index : {0ull, 1ull, 63ull}) {
    std::vector<int> hits(n);
    for (std::uint64_t epoch = 0; epoch < 3200; ++epoch) ++hits[permuted(index, n, 5, epoch)];
    double chi = 0;
    for (const int hit : hits) chi += (hit - 50.0) * (hit - 50.0) / 50.0;
    EXPECT_LT(chi, 120.0);  // 63 degrees of freedom: p = 2e-5
  }
  int fixed = 0, neighbours = 0;
  for (std::uint64_t i = 0; i + 1 < 10'000; ++i) {
    fixed += permuted(i, 10'000, 1, 0) == i;
    neighbours += permuted(i + 1, 10'000, 1, 0) == permuted(i, 10'000, 1, 0) + 1;
  }
  EXPECT_LT(fixed, 10);
  EXPECT_LT(neighbours, 10);
}

TEST_F(Sampling, StreamWindowsCoverTheRingOncePerEpoch) {
  for (const bool separator : {true, false}) {
    const auto split = split_of({30, 1, 7, 90, 12, 55, 3}, separator);
    const auto size = static_cast<std::int64_t>(stream_.size());
    ASSERT_EQ(split->tokens(), size);
    const Sampler sampler(split, {.sequence_length = 8, .seed = 3});
    const std::int64_t n = sampler.windows();
    EXPECT_EQ(n, size / 8);
    std::set<std::int64_t> first_begins;
    for (int epoch = 0; epoch < 20; ++epoch) {
      // Where the windows lie in the ring, found from the tokens alone.
      std::vector<int> hits(stream_.size());
      std::int64_t lowest = size;
      for (std::int64_t i = 0; i < n; ++i) {
        Batch batch;
        sampler.fill(epoch * n + i, 1, i, batch);
        expect_consistent(batch);
        ASSERT_EQ(batch.tokens(), 8);
        std::int64_t begin = -1, matches = 0;
        for (std::int64_t at = 0; at < size; ++at) {
          bool same = true;
          for (std::int64_t j = 0; j < 8 && same; ++j)
            same = stream_[static_cast<std::size_t>((at + j) % size)] ==
                       batch.ids[static_cast<std::size_t>(j)] &&
                   stream_[static_cast<std::size_t>((at + j + 1) % size)] ==
                       batch.targets[static_cast<std::size_t>(j)];
          if (same) begin = at, ++matches;
        }
        ASSERT_EQ(matches, 1);
        for (std::int64_t j = 0; j < 8; ++j) ++hits[static_cast<std::size_t>((begin + j) % size)];
        lowest = std::min(lowest, begin);
      }
      EXPECT_LE(*std::max_element(hits.begin(), hits.end()), 1);
      EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), std::int64_t{0}), 8 * n);
      first_begins.insert(lowest);
    }
    EXPECT_GT(first_begins.size(), 3u);  // the grid moves from epoch to epoch
  }
}

TEST_F(Sampling, OrderDependsOnSeedAndEpoch) {
  const auto split = split_of({500});
  const auto ids = [&](std::uint64_t seed, std::int64_t first) {
    Batch batch;
    Sampler(split, {.sequence_length = 10, .seed = seed}).fill(first, 50, 0, batch);
    return batch.ids;
  };
  EXPECT_EQ(ids(1, 0), ids(1, 0));
  EXPECT_NE(ids(1, 0), ids(2, 0));
  EXPECT_NE(ids(1, 0), ids(1, 50));
}

TEST_F(Sampling, AnySplitOfAStepGivesTheSameSequences) {
  const auto split = split_of({30, 1, 7, 90, 12, 55, 3, 3, 3, 4, 1, 2});
  for (const Packing packing : {Packing::stream, Packing::documents})
    for (const std::int64_t first : {0, 5, 1000}) {
      const Sampler sampler(split, {.sequence_length = 16, .seed = 1, .packing = packing});
      expect_same_for_any_split(sampler, first, 8);
    }
}

TEST_F(Sampling, DocumentsStayApart) {
  for (const bool separator : {true, false})
    for (const int length : {1, 5, 16, 64, 1000}) {
      const auto split = split_of({30, 1, 7, 90, 12, 55, 3, 1, 1}, separator);
      const Sampler sampler(split, {.sequence_length = length, .packing = Packing::documents});
      // Every document as (input, target) pairs: with a separator before and after it.
      std::multiset<std::pair<std::int32_t, std::int32_t>> wanted, got;
      for (Ids ids : documents_) {
        if (separator) ids.insert(ids.begin(), kEnd), ids.push_back(kEnd);
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) wanted.emplace(ids[i], ids[i + 1]);
      }
      std::size_t sequences = 0;
      for (std::int64_t i = 0; i < sampler.windows(); ++i) {
        Batch batch;
        sampler.fill(i, 1, i, batch);
        expect_consistent(batch);
        EXPECT_LE(batch.tokens(), length);
        sequences += static_cast<std::size_t>(batch.sequences());
        for (std::size_t t = 0; t < batch.ids.size(); ++t)
          got.emplace(batch.ids[t], batch.targets[t]);
      }
      EXPECT_EQ(got, wanted);
      if (length == 1000) {
        EXPECT_EQ(sequences, separator ? 9u : 6u);  // documents whole, but those without a target
      }
    }
}

TEST_F(Sampling, DocumentWindowsHoldWhatFits) {
  // With their separators: 4, 4, 4, 11, 2 tokens. T = 8: [4 4] [4] [8] [3 2].
  const auto split = split_of({3, 3, 3, 10, 1});
  const Sampler sampler(split, {.sequence_length = 8, .packing = Packing::documents});
  ASSERT_EQ(sampler.windows(), 4);
  std::multiset<std::vector<std::int64_t>> offsets;
  for (std::int64_t i = 0; i < 4; ++i) {
    Batch batch;
    sampler.fill(i, 1, 5, batch);
    offsets.insert(batch.offsets);
    EXPECT_EQ(batch.numbers[0], 40);
    if (batch.sequences() == 2) {
      EXPECT_EQ(batch.numbers[1], 40 + batch.offsets[1]);
    }
  }
  EXPECT_EQ(offsets,
            (std::multiset<std::vector<std::int64_t>>{{0, 4, 8}, {0, 4}, {0, 8}, {0, 3, 5}}));
}

TEST_F(Sampling, TooFewTokensForOneWindow) {
  const auto split = split_of({7});  // 8 tokens with the separator
  Sampler fits(split, {.sequence_length = 7});
  EXPECT_EQ(fits.windows(), 1);
  const std::string message =
      error_of(ErrorCode::corrupt, [&] { Sampler sampler(split, {.sequence_length = 8}); });
  EXPECT_NE(message.find("smaller sequence length"), std::string::npos) << message;
  const auto empty = std::make_shared<Split>("training data of x", std::vector<TokenShard>{});
  for (const Packing packing : {Packing::stream, Packing::documents})
    error_of(ErrorCode::corrupt,
             [&] { Sampler sampler(empty, {.sequence_length = 4, .packing = packing}); });
  const auto one = split_of({1}, false);
  error_of(ErrorCode::corrupt,
           [&] { Sampler sampler(one, {.sequence_length = 4, .packing = Packing::documents}); });
  error_of(ErrorCode::invalid_argument, [&] { Sampler sampler(split, {.sequence_length = 0}); });
  error_of(ErrorCode::invalid_argument, [&] {
    Batch batch;
    fits.fill(-1, 2, 0, batch);
  });
  error_of(ErrorCode::invalid_argument, [&] { parse_packing("document"); });
  EXPECT_EQ(parse_packing(to_string(Packing::documents)), Packing::documents);
}

TEST_F(Sampling, EvaluationScoresEveryTokenOnceInOrder) {
  for (const bool separator : {true, false})
    for (const int length : {1, 7, 16, 1000}) {
      const auto split = split_of({30, 1, 7, 90, 12}, separator);
      const EvaluationWindows windows(split, {.sequence_length = length}, 0);
      Ids inputs, targets;
      std::vector<std::uint32_t> byte_counts(10'000, 3);
      byte_counts[kEnd] = 0;
      for (std::int64_t i = 0; i < windows.windows(); i += 2) {
        Batch batch;
        const std::int64_t count = std::min<std::int64_t>(2, windows.windows() - i);
        windows.fill(i, count, batch);
        expect_consistent(batch);
        EXPECT_EQ(windows.targets_in(i, count), batch.tokens());
        EXPECT_TRUE(batch.numbers.empty());
        inputs.insert(inputs.end(), batch.ids.begin(), batch.ids.end());
        targets.insert(targets.end(), batch.targets.begin(), batch.targets.end());
      }
      Ids all = stream_;
      if (separator) all.push_back(kEnd);
      EXPECT_EQ(inputs, Ids(all.begin(), all.end() - 1));
      EXPECT_EQ(targets, Ids(all.begin() + 1, all.end()));
      EXPECT_EQ(windows.text_bytes(byte_counts), 3 * (140 - (separator ? 0 : 1)));
    }
}

TEST_F(Sampling, EvaluationLimitAndDocuments) {
  const auto split = split_of({30, 1, 7, 90, 12});
  EXPECT_EQ(EvaluationWindows(split, {.sequence_length = 10}, 45).windows(), 4);
  EXPECT_EQ(EvaluationWindows(split, {.sequence_length = 10}, 1).windows(), 1);
  EXPECT_EQ(EvaluationWindows(split, {.sequence_length = 10}, 1 << 30).windows(), 15);
  const EvaluationWindows documents(split, {.sequence_length = 100, .packing = Packing::documents},
                                    0);
  EXPECT_EQ(documents.targets_in(0, documents.windows()), 145);
  Batch batch;
  documents.fill(0, documents.windows(), batch);
  expect_consistent(batch);
  EXPECT_EQ(batch.sequences(), 5);
  for (std::size_t b = 0; b < 5; ++b) {
    EXPECT_EQ(batch.ids[static_cast<std::size_t>(batch.offsets[b])], kEnd);
    EXPECT_EQ(batch.targets[static_cast<std::size_t>(batch.offsets[b + 1]) - 1], kEnd);
  }
  error_of(ErrorCode::invalid_argument, [&] { documents.fill(0, documents.windows() + 1, batch); });
  const auto empty = std::make_shared<Split>("validation data", std::vector<TokenShard>{});
  const EvaluationWindows none(empty, {.sequence_length = 4}, 0);
  EXPECT_EQ(none.windows(), 0);
  EXPECT_EQ(none.text_bytes({}), 0);
}

}  // namespace
}  // namespace stemma
