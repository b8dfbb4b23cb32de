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
  PieceCache::Word& word = cache.word_at(the);
  EXPECT_FALSE(word.is(the));
  word.set(the, Ids{7, 8});
  ASSERT_TRUE(cache.word_at(the).is(the));
  std::array<std::int32_t, 4> ids{};
  ASSERT_EQ(word.copy(ids.data()), 2u);
  EXPECT_EQ(ids[0], 7);
  EXPECT_EQ(ids[1], 8);
  EXPECT_FALSE(word.is(WordKey::of(std::string_view("the\0", 4))));
  EXPECT_FALSE(word.is(WordKey::of("th")));
}

TEST(PieceCache, AWordOfTooManyIdsLeavesWhatIsThere) {
  PieceCache cache("text");
  const WordKey the = WordKey::of("the");
  cache.word_at(the).set(the, Ids{7});
  cache.word_at(the).set(WordKey::of("other"), Ids{1, 2, 3, 4});
  EXPECT_TRUE(cache.word_at(the).is(the));
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
