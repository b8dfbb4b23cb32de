#include "text/token_count.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma {
namespace {

using test::encode;

TEST(TokenCount, CountsTextsAndRanges) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  const std::string_view text = "Hello world";
  EXPECT_EQ(count_tokens(*tokenizer, text), 2u);
  EXPECT_EQ(count_tokens(*tokenizer, text.substr(5, 6)), 1u);
  EXPECT_EQ(count_tokens(*tokenizer, ""), 0u);
}

TEST(TokenCount, SaysWhereTheFirstTokensEnd) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  const auto first = [&](std::uint64_t limit) {
    return first_tokens(*tokenizer, "Hello world!", limit);
  };
  EXPECT_EQ(first(0), (TokenCount{0, 0}));
  EXPECT_EQ(first(1), (TokenCount{1, 5}));
  EXPECT_EQ(first(2), (TokenCount{2, 11}));
  EXPECT_EQ(first(3), (TokenCount{3, 12}));
  EXPECT_EQ(first(9), (TokenCount{3, 12}));
}

TEST(TokenCount, TheFirstTokensOfALongTextAreThoseOfItsEncoding) {
  const auto tokenizer = tokenizer_files::published_tokenizer("cl100k_base");
  std::mt19937 random(6);
  const std::string text =
      test::random_text(random, {"the ", " tree", "\n\n", "中文", "\xFF", "12345", "?!"}, 100'000);
  const auto ids = encode(*tokenizer, text);
  for (const std::size_t limit : {std::size_t{1}, ids.size() / 3, ids.size() - 1, ids.size()}) {
    const std::string begin = tokenizer->decode(std::span(ids).first(limit));
    EXPECT_EQ(first_tokens(*tokenizer, text, limit), (TokenCount{limit, begin.size()}));
  }
}

TEST(TokenCount, AChunkAfterTheLimitChangesNothing) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  TokenCounter counter(*tokenizer, {.block_bytes = 1}, 1);
  EXPECT_FALSE(counter.push("Hello world, what a day"));
  EXPECT_FALSE(counter.push(" more"));
  EXPECT_EQ(counter.finish(), (TokenCount{1, 5}));
}

TEST(CharacterCounter, CountsCodePointsAndWordsInAnyChunks) {
  // U+3000 is white space; three bytes are invalid.
  const std::string text = "na\xC3\xAFve\xE3\x80\x80\xF0\x9F\xA6\x99\n\xFF \xE4\xBD";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    CharacterCounter counter;
    for (std::size_t at = 0; at < text.size(); at += size)
      counter.push(std::string_view(text).substr(at, size));
    counter.finish();
    EXPECT_EQ(counter.characters(), 12u) << size;
    EXPECT_EQ(counter.words(), 4u) << size;
  }
}

}  // namespace
}  // namespace stemma
