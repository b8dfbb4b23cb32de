#include "text/bpe/merge_rules.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma::bpe {
namespace {

using test::Ids;

Ids merged(const MergeRules& rules, std::string_view piece, bool as_word) {
  Ids ids = {-1};  // what was there stays
  if (as_word) {
    ids.resize(1 + lookup::kMaxWordBytes);
    ids.resize(1 + rules.merge_word(lookup::WordKey::of(piece), ids.data() + 1));
  } else {
    rules.merge(piece, ids);
  }
  return ids;
}

TEST(MergeRules, LowestRankFirstThenLeftmost) {
  const MergeRules rules(test::small_vocabulary({{"b", "c"}, {"a", "b"}, {"a", "a"}}));
  for (const bool as_word : {false, true}) {
    EXPECT_EQ(merged(rules, "abc", as_word), (Ids{-1, 64, 256}));
    EXPECT_EQ(merged(rules, "aaa", as_word), (Ids{-1, 258, 64}));
    EXPECT_EQ(merged(rules, "aab", as_word), (Ids{-1, 64, 257}));
    EXPECT_EQ(merged(rules, "aaaa", as_word), (Ids{-1, 258, 258}));
  }
}

// A merge may make a pair of a lower rank, which then comes first.
TEST(MergeRules, ANewPairMayComeBeforeThoseOfTheSameRank) {
  const MergeRules rules(test::small_vocabulary({{"aa", "b"}, {"a", "a"}, {"aab", "aa"}}));
  for (const bool as_word : {false, true})
    EXPECT_EQ(merged(rules, "aabaabaa", as_word), (Ids{-1, 256, 258})) << as_word;
}

TEST(MergeRules, PairsThatDoNotMergeHaveNoRank) {
  const BpeVocabulary vocabulary = test::small_vocabulary({{"a", "b"}, {"ab", "c"}});
  const MergeRules rules(vocabulary);
  const std::int32_t a = rules.id_of_byte('a'), b = rules.id_of_byte('b'),
                     c = rules.id_of_byte('c');
  const auto rank = [&](std::int32_t left, std::int32_t right, std::string_view bytes) {
    return rules.rank({left, right, bytes}, bytes.data() + bytes.size());
  };
  const auto find = [&](std::string_view bytes) {
    return rules.find(bytes, bytes.data() + bytes.size());
  };
  EXPECT_EQ(rank(a, b, "ab"), 0);
  EXPECT_EQ(rank(256, c, "abc"), 1);
  EXPECT_EQ(rank(b, c, "bc"), MergeRules::kNoRank);
  EXPECT_EQ(rules.id_of_two("ab"), 256);
  EXPECT_EQ(rules.id_of_two("bc"), -1);
  EXPECT_EQ(find("abc"), 257);
  EXPECT_EQ(find("<|end|>"), -1);
}

}  // namespace
}  // namespace stemma::bpe
