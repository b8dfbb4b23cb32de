#include "text/bpe/bpe_merger.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma::bpe {
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

// The same under tiktoken's rule, where the rank of a pair is the id of what it joins to.
Ids by_tokens_definition(const std::map<std::string, std::int32_t>& id_of, std::string_view piece) {
  std::vector<std::string> parts;
  for (const char byte : piece) parts.emplace_back(1, byte);
  for (;;) {
    std::int32_t best_id = -1;
    std::size_t best_place = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = id_of.find(parts[i] + parts[i + 1]);
      if (found == id_of.end() || (best_id >= 0 && found->second >= best_id)) continue;
      best_id = found->second;
      best_place = i;
    }
    if (best_id < 0) break;
    parts[best_place] += parts[best_place + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best_place) + 1);
  }
  Ids ids;
  for (const std::string& part : parts) ids.push_back(id_of.at(part));
  return ids;
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
  for (int round = 0; round < 50; ++round) {
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

// Long tokens, so that what fits at first often has to be given up further on.
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

// Tokens in random order, many of which their own bytes do not merge to; pieces whole, and cut
// where the merger says that no merge crosses.
TEST(BpeMerger, EqualsTiktokensRuleWholeAndInParts) {
  std::mt19937 random(13);
  int cuts = 0;
  for (int round = 0; round < 40; ++round) {
    const std::vector<std::string> letters = {"a", "b", "c", "\u7684", "\u4e86"};
    std::map<std::string, std::int32_t> id_of;
    VocabularyBuilder builder("test", {300, 0});
    for (int byte = 0; byte < 256; ++byte) id_of[std::string(1, static_cast<char>(byte))] = byte;
    while (id_of.size() < 285) {
      std::string token = test::random_text(random, letters, 1 + static_cast<int>(random() % 7));
      if (random() % 4 == 0) token = token.substr(random() % token.size());
      id_of.emplace(token, static_cast<std::int32_t>(id_of.size()));
    }
    for (const auto& [token, id] : id_of) builder.add_token(token, id);
    builder.merge_by_tokens();
    const BpeVocabulary vocabulary = builder.finish();
    const BpeMerger merger(vocabulary);
    for (const int size : {1, 2, 5, 20, 60, 200}) {
      const std::string piece = test::random_text(random, letters, size);
      const Ids expected = by_tokens_definition(id_of, piece);
      Ids whole, parts;
      merger.encode(piece, whole);
      const auto token = id_of.find(piece);
      EXPECT_EQ(whole, token == id_of.end() ? expected : Ids{token->second}) << piece;
      BpeMerger::Scratch scratch;
      for (std::size_t begin = 0, end = 0; begin < piece.size(); begin = end) {
        end = merger.part_end(piece, begin);
        cuts += end < piece.size() ? 1 : 0;
        merger.encode_part(std::string_view(piece).substr(begin, end - begin), parts, scratch,
                           piece.data() + piece.size());
      }
      ASSERT_EQ(parts, expected) << piece;
    }
  }
  EXPECT_GT(cuts, 400);
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
}  // namespace stemma::bpe
