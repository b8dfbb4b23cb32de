#include "data/masked_sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/support.h"

namespace stemma {
namespace {

using test::error_of;
using test::TemporaryFolder;
using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kPad = 0, kUnknown = 1, kCls = 2, kSep = 3, kMask = 4, kFirst = 5;
constexpr std::int32_t kVocab = 60'000;

MaskSpecials specials() {
  return {.cls = kCls, .sep = kSep, .mask = kMask, .all = {kPad, kUnknown, kCls, kSep, kMask}};
}

// Documents of the given lengths whose tokens are all different, from kFirst on, so that a token
// says where it stands; every 50th token is [UNK].
class Masking : public ::testing::Test {
 protected:
  std::shared_ptr<const Split> split_of(const std::vector<int>& lengths, bool separator = true) {
    std::vector<TokenShard> shards;
    std::int32_t next = kFirst;
    begins_.clear();
    for (std::size_t d = 0; d < lengths.size(); d += 4) {
      const auto path = folder_.path() / (std::to_string(d) + ".tokens");
      ShardWriter writer(path, {kVocab, separator ? std::optional(kSep) : std::nullopt, 0});
      for (std::size_t i = d; i < std::min(d + 4, lengths.size()); ++i) {
        Ids ids(static_cast<std::size_t>(lengths[i]));
        std::iota(ids.begin(), ids.end(), next);
        begins_.push_back(next);
        next += lengths[i];
        for (std::int32_t& id : ids)
          if (id % 50 == 0) id = kUnknown;
        writer.add_document(ids, ids.size());
      }
      writer.finish();
      shards.emplace_back(path);
    }
    begins_.push_back(next);
    return std::make_shared<Split>("training data", std::move(shards));
  }
  // Documents of 40 to 500 tokens, 30,000 in all.
  std::shared_ptr<const Split> many() {
    std::vector<int> lengths;
    for (int total = 0; total < 30'000; total += lengths.back())
      lengths.push_back(40 + static_cast<int>((lengths.size() * 97) % 461));
    return split_of(lengths);
  }
  MaskedSampler sampler(std::shared_ptr<const Split> split, std::int64_t length = 128,
                        std::uint64_t seed = 7) const {
    return MaskedSampler(std::move(split),
                         {.sequence_length = length, .seed = seed, .specials = specials()});
  }
  // The document of a token of the text.
  std::ptrdiff_t document_of(std::int32_t id) const {
    return std::upper_bound(begins_.begin(), begins_.end(), id) - begins_.begin() - 1;
  }

  TemporaryFolder folder_;
  Ids begins_;  // the first token of each document, and the end
};

// One sequence of a batch, with what stood there before it was masked.
struct Sequence {
  Ids seen, text, targets, segments;
  std::int32_t label = -1;
};

std::vector<Sequence> sequences_of(const Batch& batch) {
  std::vector<Sequence> list;
  for (std::int64_t b = 0; b < batch.sequences(); ++b) {
    Sequence s;
    for (auto i = static_cast<std::size_t>(batch.offsets[static_cast<std::size_t>(b)]);
         i < static_cast<std::size_t>(batch.offsets[static_cast<std::size_t>(b) + 1]); ++i) {
      s.seen.push_back(batch.ids[i]);
      s.targets.push_back(batch.targets[i]);
      s.text.push_back(batch.targets[i] >= 0 ? batch.targets[i] : batch.ids[i]);
      s.segments.push_back(batch.segments[i]);
      EXPECT_EQ(batch.positions[i], static_cast<std::int32_t>(s.seen.size()) - 1);
    }
    s.label = batch.labels[static_cast<std::size_t>(b)];
    list.push_back(std::move(s));
  }
  return list;
}

// `count` of `all` draws, whose probability was p: within five standard errors.
void expect_share(double count, double all, double p, const char* what) {
  EXPECT_NEAR(count / all, p, 5 * std::sqrt(p * (1 - p) / all)) << what << " of " << all;
}

TEST_F(Masking, SequencesAreFramedPairs) {
  Batch batch;
  sampler(many()).fill(0, 400, 0, batch);
  for (const Sequence& s : sequences_of(batch)) {
    ASSERT_LE(s.text.size(), 128u);
    ASSERT_GE(s.text.size(), 5u);
    EXPECT_EQ(s.text.front(), kCls);
    EXPECT_EQ(s.text.back(), kSep);
    const auto first = std::find(s.text.begin(), s.text.end(), kSep) - s.text.begin();
    EXPECT_EQ(std::count(s.text.begin(), s.text.end(), kSep), 2);
    EXPECT_EQ(std::count(s.text.begin(), s.text.end(), kCls), 1);
    for (std::size_t i = 0; i < s.segments.size(); ++i)
      EXPECT_EQ(s.segments[i], static_cast<std::ptrdiff_t>(i) <= first ? 0 : 1);
  }
}

// Label 0: B goes on where A ends. Label 1: B is a stretch of another document.
TEST_F(Masking, PairsComeFromWhereTheyShould) {
  Batch batch;
  sampler(many()).fill(0, 2000, 0, batch);
  int follows = 0, foreign = 0;
  for (const Sequence& s : sequences_of(batch)) {
    const auto middle = std::find(s.text.begin(), s.text.end(), kSep) - s.text.begin();
    // The token that each place should have, from the first one that is no [UNK].
    const auto begin_of = [&](std::ptrdiff_t from, std::ptrdiff_t to) {
      std::int32_t begin = -1;
      for (std::ptrdiff_t i = from; i < to; ++i) {
        const std::int32_t id = s.text[static_cast<std::size_t>(i)];
        if (id == kUnknown) continue;
        const auto expected = id - static_cast<std::int32_t>(i - from);
        if (begin < 0) begin = expected;
        EXPECT_EQ(begin, expected);
      }
      return begin;
    };
    const auto size = static_cast<std::ptrdiff_t>(s.text.size());
    const std::int32_t a = begin_of(1, middle), b = begin_of(middle + 1, size - 1);
    if (a < 0 || b < 0) continue;  // one [UNK] alone
    if (s.label == 0) {
      ++follows;
      EXPECT_EQ(b, a + static_cast<std::int32_t>(middle - 1));
      EXPECT_EQ(document_of(a), document_of(b + static_cast<std::int32_t>(size - middle) - 3));
    } else {
      ++foreign;
      EXPECT_NE(document_of(a), document_of(b));
      EXPECT_EQ(document_of(b), document_of(b + static_cast<std::int32_t>(size - middle) - 3));
    }
  }
  expect_share(follows, follows + foreign, 0.5, "pairs that follow");
}

TEST_F(Masking, ProportionsAreThePapers) {
  Batch batch;
  const MaskedSampler s = sampler(many());
  double targets = 0, masked = 0, kept = 0, tokens = 0, sequences = 0;
  std::map<std::int32_t, int> replacements;
  for (std::int64_t first = 0; first < 6000; first += 500) {
    s.fill(first, 500, 0, batch);
    for (const Sequence& one : sequences_of(batch)) {
      const auto chosen = std::count_if(one.targets.begin(), one.targets.end(),
                                        [](std::int32_t t) { return t >= 0; });
      const auto size = static_cast<double>(one.text.size());
      EXPECT_EQ(chosen, std::max<std::ptrdiff_t>(1, std::lround(0.15 * size)));
      tokens += size;
      ++sequences;
    }
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      if (batch.targets[i] < 0) continue;
      ++targets;
      EXPECT_GE(batch.targets[i], kFirst);  // no special token
      if (batch.ids[i] == kMask)
        ++masked;
      else if (batch.ids[i] == batch.targets[i])
        ++kept;
      else
        ++replacements[batch.ids[i]];
    }
  }
  EXPECT_NEAR(targets / tokens, 0.15, 0.5 * sequences / tokens);
  expect_share(masked, targets, 0.8, "masked");
  expect_share(kept, targets, 0.1, "kept");  // 1e-6 of the random ones are the same token
  double replaced = 0, low = 0;
  for (const auto& [id, count] : replacements) {
    EXPECT_GE(id, kFirst);
    EXPECT_LT(id, kVocab);
    replaced += count;
    if (id < kVocab / 4) low += count;
  }
  expect_share(replaced, targets, 0.1, "replaced");
  expect_share(low, replaced, 0.25, "of the lowest quarter of the vocabulary");
}

// Nine of ten stretches of long documents are whole.
TEST_F(Masking, MostSequencesAreFull) {
  Batch batch;
  const MaskedSampler s = sampler(split_of(std::vector<int>(40, 610)), 64);  // 10 × 61
  double full = 0, all = 0, sum = 0;
  for (std::int64_t first = 0; first < 8000; first += 400) {
    s.fill(first, 400, 0, batch);
    for (const Sequence& one : sequences_of(batch)) {
      ++all;
      if (one.text.size() == 64)
        ++full;
      else
        sum += static_cast<double>(one.text.size());
    }
  }
  // Of the short ones 1 in 60 has all 61 tokens, too.
  expect_share(full, all, 0.9 + 0.1 / 60, "full");
  EXPECT_NEAR(sum / (all - full), 3 + 31, 5 * 17 / std::sqrt(all - full));  // 2 to 60, even
}

TEST_F(Masking, EveryPlaceIsChosenAlike) {
  Batch batch;
  const MaskedSampler s = sampler(split_of(std::vector<int>(40, 170)), 20);  // 10 × 17
  std::vector<double> hits(20), there(20);
  for (std::int64_t first = 0; first < 12'000; first += 400) {
    s.fill(first, 400, 0, batch);
    for (const Sequence& one : sequences_of(batch)) {
      if (one.text.size() != 20) continue;
      for (std::size_t i = 0; i < 20; ++i) {
        if (one.text[i] < kFirst) continue;
        ++there[i];
        hits[i] += one.targets[i] >= 0;
      }
    }
  }
  // Three of 17, or of a little less where there are [UNK].
  const double share = std::accumulate(hits.begin(), hits.end(), 0.0) /
                       std::accumulate(there.begin(), there.end(), 0.0);
  for (std::size_t i = 1; i < 19; ++i) expect_share(hits[i], there[i], share, "hits of a place");
}

void append(Batch& to, const Batch& part) {
  const std::int64_t before = to.tokens();
  const auto add = [](auto& all, const auto& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  add(to.ids, part.ids);
  add(to.positions, part.positions);
  add(to.targets, part.targets);
  add(to.segments, part.segments);
  add(to.numbers, part.numbers);
  add(to.labels, part.labels);
  for (std::size_t i = 1; i < part.offsets.size(); ++i)
    to.offsets.push_back(before + part.offsets[i]);
}

TEST_F(Masking, AnyCutOfAStepGivesTheSame) {
  const auto split = many();
  const MaskedSampler s = sampler(split);
  const std::int64_t first = s.stretches() - 10;  // into the next epoch
  Batch whole, part;
  s.fill(first, 24, 0, whole);
  const auto size = s.size_of(first, 24);
  EXPECT_EQ(size.tokens, whole.tokens());
  EXPECT_EQ(size.targets, std::count_if(whole.targets.begin(), whole.targets.end(),
                                        [](std::int32_t t) { return t >= 0; }));
  for (const std::int64_t step : {1, 5, 8, 24}) {
    Batch joined;
    joined.offsets = {0};
    for (std::int64_t at = 0; at < 24; at += step) {
      sampler(split).fill(first + at, std::min(step, 24 - at), at, part);
      append(joined, part);
    }
    EXPECT_EQ(joined.ids, whole.ids);
    EXPECT_EQ(joined.targets, whole.targets);
    EXPECT_EQ(joined.positions, whole.positions);
    EXPECT_EQ(joined.segments, whole.segments);
    EXPECT_EQ(joined.numbers, whole.numbers);
    EXPECT_EQ(joined.labels, whole.labels);
    EXPECT_EQ(joined.offsets, whole.offsets);
  }
}

TEST_F(Masking, EpochsAndSeedsDiffer) {
  const auto split = many();
  const auto ids = [&](std::uint64_t seed, std::int64_t first) {
    Batch batch;
    sampler(split, 128, seed).fill(first, 20, 0, batch);
    return batch.ids;
  };
  const std::int64_t n = sampler(split).stretches();
  EXPECT_EQ(ids(1, 0), ids(1, 0));
  EXPECT_NE(ids(1, 0), ids(2, 0));
  EXPECT_NE(ids(1, 0), ids(1, n));
}

// Every stretch begins one A an epoch: 8 tokens of text at a time, the last one of a document
// shorter, one of a single token left out.
TEST_F(Masking, EveryStretchIsReadOnceAnEpoch) {
  const auto split = split_of({20, 17, 1, 8, 3});
  const MaskedSampler s = sampler(split, 11);
  EXPECT_EQ(s.stretches(), 3 + 2 + 0 + 1 + 1);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    Batch batch;
    s.fill(epoch * s.stretches(), s.stretches(), 0, batch);
    std::set<std::int32_t> stretches;
    for (const Sequence& one : sequences_of(batch)) {
      const std::int32_t id = one.text[1];
      const auto document = document_of(id);
      stretches.insert(static_cast<std::int32_t>(100 * document) +
                       (id - begins_[static_cast<std::size_t>(document)]) / 8);
    }
    EXPECT_EQ(stretches, (std::set<std::int32_t>{0, 1, 2, 100, 101, 300, 400}));
  }
}

TEST_F(Masking, WithoutASeparatorDocumentsAreWhole) {
  Batch batch;
  sampler(split_of({20, 20}, false), 23).fill(0, 40, 0, batch);
  std::set<std::int32_t> seen;
  for (const Sequence& one : sequences_of(batch)) seen.insert(one.text.begin(), one.text.end());
  EXPECT_TRUE(seen.contains(kFirst) && seen.contains(kFirst + 39));
}

TEST_F(Masking, ImpossibleWishesAreNamed) {
  const auto two = split_of({20, 20});
  EXPECT_NE(error_of(ErrorCode::invalid_argument, [&] { sampler(two, 4); }).find("5 to"),
            std::string::npos);
  EXPECT_NE(error_of(ErrorCode::corrupt, [&] { sampler(split_of({50})); }).find("two"),
            std::string::npos);
  EXPECT_NE(error_of(ErrorCode::corrupt,
                     [&] {
                       sampler(split_of({1, 1}));
                     })
                .find("two tokens"),
            std::string::npos);
  error_of(ErrorCode::invalid_argument, [&] {
    Batch batch;
    sampler(two).fill(-1, 1, 0, batch);
  });
  EXPECT_NE(error_of(ErrorCode::unsupported, [&] { mask_specials(test::ByteTokenizer()); })
                .find("[CLS], [SEP], [MASK]"),
            std::string::npos);
}

}  // namespace
}  // namespace stemma
