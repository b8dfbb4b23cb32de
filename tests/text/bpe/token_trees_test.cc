#include "text/bpe/token_trees.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma::bpe {
namespace {

using test::Ids;

// Merges of random strings in random order: also tokens whose bytes merge to something else, and
// tokens whose parts merge later than they do. MergeRules is checked against the definition by the
// tests of BpeMerger and the published vectors.
TEST(TokenTrees, TwoTokensStayApartWhereTheirBytesMergeToThem) {
  std::mt19937 random(5);
  int apart = 0, not_apart = 0, not_own = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> tokens = {"a", "b"};
    std::vector<std::pair<std::string, std::string>> merges;
    for (int i = 0; i < 15; ++i) {
      const std::string left = tokens[random() % tokens.size()];
      const std::string right = tokens[random() % tokens.size()];
      if (std::ranges::find(tokens, left + right) != tokens.end()) continue;
      tokens.push_back(left + right);
      merges.emplace_back(left, right);
    }
    std::ranges::shuffle(merges, random);
    const BpeVocabulary vocabulary = test::small_vocabulary(merges);
    const MergeRules rules(vocabulary);
    const TokenTrees trees(rules, vocabulary.tokens.size());
    const auto merged = [&](const std::string& bytes) {
      Ids ids;
      rules.merge(bytes, ids);
      return ids;
    };
    for (const std::string& left : tokens)
      for (const std::string& right : tokens) {
        const std::string both = left + right;
        const char* end = both.data() + both.size();
        const std::int32_t left_id = rules.find(left, left.data() + left.size());
        const std::int32_t right_id = rules.find(right, right.data() + right.size());
        const bool own = merged(left) == Ids{left_id};
        not_own += own ? 0 : 1;
        EXPECT_EQ(
            trees.is_own_encoding(left_id, std::string_view(both).substr(0, left.size()), end), own)
            << left;
        const bool expected = merged(both) == Ids{left_id, right_id};
        (expected ? apart : not_apart) += 1;
        ASSERT_EQ(trees.stay_apart({left_id, right_id, both}, end), expected)
            << left << " " << right;
      }
  }
  EXPECT_GT(apart, 1000);
  EXPECT_GT(not_apart, 1000);
  EXPECT_GT(not_own, 100);
}

}  // namespace
}  // namespace stemma::bpe
