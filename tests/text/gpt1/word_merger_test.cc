#include "text/gpt1/word_merger.h"

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma::gpt1 {
namespace {

using test::Ids;
using Spelled = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// Tokens a to d, inner and last, with these merges; <unk> is 0.
Gpt1Vocabulary word_vocabulary(const Pairs& merges) {
  Gpt1VocabularyBuilder builder("test/", 100);
  std::int64_t id = 0;
  builder.add_token("<unk>", id++);
  for (const char* letter : {"a", "b", "c", "d"})
    for (const char* behind : {"", "</w>"}) builder.add_token(std::string(letter) + behind, id++);
  std::map<std::string, bool> made;
  for (const auto& [left, right] : merges)
    if (made.try_emplace(left + right).second) builder.add_token(left + right, id++);
  for (const auto& [left, right] : merges) builder.add_merge(left, right);
  return builder.finish({}, "");
}

Spelled merged(const Gpt1Vocabulary& vocabulary, std::string_view word) {
  Ids ids;
  WordMerger(vocabulary).merge(word, ids);
  Spelled tokens;
  for (const std::int32_t id : ids)
    tokens.emplace_back(vocabulary.tokens[static_cast<std::size_t>(id)]);
  return tokens;
}

// The definition on strings, as OpenAI's code has it (openai/finetune-transformer-lm, bpe()).
Spelled merged_by_definition(const Pairs& merges, std::string_view word) {
  Spelled symbols;
  for (const char letter : word) symbols.emplace_back(1, letter);
  symbols.back() += "</w>";
  for (;;) {
    std::size_t best = merges.size();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto place = std::ranges::find(merges, std::pair(symbols[i], symbols[i + 1]));
      best = std::min(best, static_cast<std::size_t>(place - merges.begin()));
    }
    if (best == merges.size()) return symbols;
    Spelled next;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const bool here = i + 1 < symbols.size() && symbols[i] == merges[best].first &&
                        symbols[i + 1] == merges[best].second;
      next.push_back(here ? symbols[i] + symbols[i + 1] : symbols[i]);
      i += here ? 1 : 0;
    }
    symbols = next;
  }
}

TEST(WordMerger, LowestRankFirst) {
  const auto vocabulary = word_vocabulary({{"b", "c</w>"}, {"a", "b"}, {"ab", "a"}});
  EXPECT_EQ(merged(vocabulary, "abc"), (Spelled{"a", "bc</w>"}));
  EXPECT_EQ(merged(vocabulary, "abab"), (Spelled{"aba", "b</w>"}));
  EXPECT_EQ(merged(vocabulary, "a"), (Spelled{"a</w>"}));
}

TEST(WordMerger, UnknownCharacters) {
  const auto vocabulary = word_vocabulary({{"a", "b"}});
  EXPECT_EQ(merged(vocabulary, "éab\xFF"), (Spelled{"<unk>", "ab", "<unk>"}));
  EXPECT_EQ(merged(vocabulary, "x" + std::string(60, 'a')).front(), "<unk>");
}

// Ranks in any order, so that a merge may make a pair of a lower rank than its own.
TEST(WordMerger, EqualsTheDefinition) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Spelled known = {"a", "b", "c", "a</w>", "b</w>", "c</w>"};
    Pairs merges;
    for (int i = 0; i < 12; ++i) {
      const std::pair<std::string, std::string> pair = {known[random() % known.size()],
                                                        known[random() % known.size()]};
      if (pair.first.ends_with("</w>") || std::ranges::find(merges, pair) != merges.end()) continue;
      merges.push_back(pair);
      if (std::ranges::find(known, pair.first + pair.second) == known.end())
        known.push_back(pair.first + pair.second);
    }
    std::ranges::shuffle(merges, random);
    const auto vocabulary = word_vocabulary(merges);
    for (const std::size_t size : {2, 5, 30, 40, 41, 200}) {
      std::string word;
      for (std::size_t i = 0; i < size; ++i) word += static_cast<char>('a' + random() % 3);
      ASSERT_EQ(merged(vocabulary, word), merged_by_definition(merges, word)) << word;
    }
  }
}

TEST(WordMerger, LongWordsTakeNoTime) {
  const auto vocabulary =
      word_vocabulary({{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}, {"b", "a"}, {"c", "ba"}});
  for (const char* part : {"a", "ba", "cba", "x", "é"}) {
    std::string word;
    while (word.size() < 1000000) word += part;
    Ids ids;
    WordMerger(vocabulary).merge(word, ids);
    EXPECT_GE(ids.size(), word.size() / 8) << part;
  }
}

}  // namespace
}  // namespace stemma::gpt1
