#include "text/bpe_merger.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma {
namespace {

using test::Ids;

// Byte-pair encoding as the paper says it: find the lowest rank, merge its leftmost place, repeat.
Ids by_definition(const BpeVocabulary& vocabulary, std::string_view piece) {
  std::map<std::string, std::int32_t> id_of;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    id_of[std::string(vocabulary.tokens[id])] = static_cast<std::int32_t>(id);
  Ids ids;
  for (const char byte : piece) ids.push_back(id_of.at(std::string(1, byte)));
  for (;;) {
    std::size_t best_rank = vocabulary.merges.size(), best_place = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i)
      for (std::size_t rank = 0; rank < best_rank; ++rank)
        if (vocabulary.merges[rank].left == ids[i] && vocabulary.merges[rank].right == ids[i + 1]) {
          best_rank = rank;
          best_place = i;
        }
    if (best_rank == vocabulary.merges.size()) return ids;
    ids[best_place] = vocabulary.merges[best_rank].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best_place) + 1);
  }
}

// Merges in random order over a small alphabet: also ranks that no training would give.
BpeVocabulary random_vocabulary(std::mt19937& random) {
  std::vector<std::string> tokens = {"a", "b", "c"};
  std::vector<std::pair<std::string, std::string>> merges;
  for (int i = 0; i < 25; ++i) {
    const std::string left = tokens[random() % tokens.size()];
    const std::string right = tokens[random() % tokens.size()];
    if (std::ranges::find(tokens, left + right) != tokens.end()) continue;
    tokens.push_back(left + right);
    merges.emplace_back(left, right);
  }
  std::ranges::shuffle(merges, random);
  return test::small_vocabulary(merges);
}

TEST(BpeMerger, EqualsTheDefinitionForShortAndLongPieces) {
  std::mt19937 random(7);
  for (int round = 0; round < 150; ++round) {
    const BpeVocabulary vocabulary = random_vocabulary(random);
    const BpeMerger merger(vocabulary);
    for (const std::size_t size : {1u, 2u, 3u, 9u, 40u, 127u, 128u, 129u, 400u}) {
      const std::string piece = test::random_text(random, {"a", "b", "c"}, static_cast<int>(size));
      Ids ids;
      merger.encode(piece, ids);
      ASSERT_EQ(ids, by_definition(vocabulary, piece)) << piece;
    }
  }
}

// Tokens about as long as a window, so that what windows end with often changes: they grow, go back
// and still reach the end.
TEST(BpeMerger, EqualsTheDefinitionWhereTokensAreLong) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::string> tokens = {"a", "b"};
    std::vector<std::pair<std::string, std::string>> merges;
    while (merges.size() < 14) {
      const std::string left = tokens[random() % tokens.size()];
      const std::string right = random() % 3 > 0 ? left : tokens[random() % tokens.size()];
      if (left.size() + right.size() > 120) break;
      if (std::ranges::find(tokens, left + right) != tokens.end()) continue;
      tokens.push_back(left + right);
      merges.emplace_back(left, right);
    }
    const BpeVocabulary vocabulary = test::small_vocabulary(merges);
    const BpeMerger merger(vocabulary);
    for (const std::size_t size : {300u, 500u}) {
      std::string piece;
      while (piece.size() < size) piece += std::string(random() % 150 + 1, "ab"[random() % 2]);
      Ids ids;
      merger.encode(piece, ids);
      ASSERT_EQ(ids, by_definition(vocabulary, piece)) << piece;
    }
  }
}

TEST(BpeMerger, LowestRankFirstThenLeftmost) {
  const BpeMerger merger(test::small_vocabulary({{"b", "c"}, {"a", "b"}, {"a", "a"}}));
  const auto encoded = [&](std::string_view piece) {
    Ids ids = {-1};  // what was there stays
    merger.encode(piece, ids);
    return ids;
  };
  EXPECT_EQ(encoded("abc"), (Ids{-1, 64, 256}));
  EXPECT_EQ(encoded("aaa"), (Ids{-1, 258, 64}));
  EXPECT_EQ(encoded("aab"), (Ids{-1, 64, 257}));
}

}  // namespace
}  // namespace stemma
