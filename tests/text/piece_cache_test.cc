#include "text/piece_cache.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma {
namespace {

using test::Ids;

TEST(PieceCache, AWordGivesTheIdsItWasSetTo) {
  PieceCache cache("text");
  const WordKey the = WordKey::of("the");
  PieceCache::WordPair& words = cache.words_at(the);
  EXPECT_EQ(words.find(the), nullptr);
  words.set(the, Ids{7, 8});
  const PieceCache::Word* word = cache.words_at(the).find(the);
  ASSERT_NE(word, nullptr);
  std::array<std::int32_t, 4> ids{};
  ASSERT_EQ(word->copy(ids.data()), 2u);
  EXPECT_EQ(ids[0], 7);
  EXPECT_EQ(ids[1], 8);
  EXPECT_EQ(words.find(WordKey::of(std::string_view("the\0", 4))), nullptr);
  EXPECT_EQ(words.find(WordKey::of("th")), nullptr);
}

TEST(PieceCache, TheTwoWordsThatWereSetLastStay) {
  PieceCache cache("text");
  PieceCache::WordPair& words = cache.words_at(WordKey::of("a"));
  for (const char* word : {"a", "b", "c"}) words.set(WordKey::of(word), Ids{*word});
  EXPECT_EQ(words.find(WordKey::of("a")), nullptr);
  for (const char* word : {"b", "c"}) {
    ASSERT_NE(words.find(WordKey::of(word)), nullptr);
    std::array<std::int32_t, 4> ids{};
    ASSERT_EQ(words.find(WordKey::of(word))->copy(ids.data()), 1u);
    EXPECT_EQ(ids[0], *word);
  }
}

TEST(PieceCache, AWordOfTooManyIdsLeavesWhatIsThere) {
  PieceCache cache("text");
  const WordKey the = WordKey::of("the");
  cache.words_at(the).set(the, Ids{7});
  for (int i = 0; i < 2; ++i) cache.words_at(the).set(WordKey::of("other"), Ids{1, 2, 3, 4});
  EXPECT_NE(cache.words_at(the).find(the), nullptr);
}

TEST(PieceCache, OtherPiecesAreComparedWhole) {
  const std::string text = "a piece that is longer than a word, a pieCe that is longer than a word";
  PieceCache cache(text);
  const std::string_view first = std::string_view(text).substr(0, 34);
  const std::string_view second = std::string_view(text).substr(36, 34);
  cache.other_at(first) = {first, 10, 2};
  EXPECT_EQ(cache.other_at(first).piece, first);
  EXPECT_EQ(cache.other_at(first).first, 10u);
  EXPECT_NE(cache.other_at(second).piece, second);
}

}  // namespace
}  // namespace stemma
