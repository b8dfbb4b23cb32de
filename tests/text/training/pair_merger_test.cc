#include "text/training/pair_merger.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "text/unicode/byte_alphabet.h"

namespace stemma::bpe_training {
namespace {

std::int32_t id_of(char byte) {
  const auto& order = unicode::byte_alphabet_order();
  return static_cast<std::int32_t>(std::ranges::find(order, static_cast<std::uint8_t>(byte)) -
                                   order.begin());
}

void expect_pair(const std::optional<PairMerger::Pair>& pair, std::int32_t left,
                 std::int32_t right) {
  ASSERT_TRUE(pair.has_value());
  EXPECT_EQ(pair->left, left);
  EXPECT_EQ(pair->right, right);
}

TEST(PairMerger, CountsHave64Bits) {
  PairMerger merger;
  merger.add_word("ab", 0xFFFFFFFFu);
  merger.add_word("xab", 2);
  merger.add_word("cd", std::uint64_t{1} << 32);  // one less than ab
  merger.add_word("ef", std::uint64_t{1} << 40);
  merger.start(std::uint64_t{1} << 32);
  expect_pair(merger.best_pair(), id_of('e'), id_of('f'));
  merger.merge({id_of('e'), id_of('f')}, 256);
  expect_pair(merger.best_pair(), id_of('a'), id_of('b'));
  merger.merge({id_of('a'), id_of('b')}, 257);
  expect_pair(merger.best_pair(), id_of('c'), id_of('d'));
  merger.merge({id_of('c'), id_of('d')}, 258);
  EXPECT_FALSE(merger.best_pair().has_value());
}

TEST(PairMerger, OfEquallyFrequentPairsTheLowestIdsWin) {
  PairMerger merger;
  merger.add_word("bc", 5);
  merger.add_word("ad", 5);
  merger.add_word("ab", 5);
  merger.start(1);
  expect_pair(merger.best_pair(), id_of('a'), id_of('b'));
  expect_pair(merger.best_pair(), id_of('a'), id_of('d'));
  expect_pair(merger.best_pair(), id_of('b'), id_of('c'));
  EXPECT_FALSE(merger.best_pair().has_value());
}

// "aaaaa" is merged to AAa: (A, A) and (A, a) come, the second (a, a) goes with the first.
TEST(PairMerger, RunsOfOneByteMergeFromTheLeft) {
  PairMerger merger;
  merger.add_word("aaaaa", 3);
  merger.start(1);
  const std::int32_t a = id_of('a');
  expect_pair(merger.best_pair(), a, a);
  merger.merge({a, a}, 256);
  expect_pair(merger.best_pair(), 256, a);
  merger.merge({256, a}, 257);
  expect_pair(merger.best_pair(), 256, 257);
  merger.merge({256, 257}, 258);
  EXPECT_FALSE(merger.best_pair().has_value());
}

TEST(PairMerger, WordsWithoutAPairGiveNone) {
  PairMerger merger;
  merger.add_word("a", 100);
  merger.start(0);
  EXPECT_FALSE(merger.best_pair().has_value());
}

}  // namespace
}  // namespace stemma::bpe_training
