#include "text/report/token_statistics.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/text/support.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/report/token_html.h"
#include "text/report/token_terminal.h"

namespace stemma::report {
namespace {

using test::Ids;

// 256 bytes, then "ab", "abc", "  ": ids 256, 257, 258; <|end|> is 259.
const bpe::BpeTokenizer& small_one() {
  static const auto tokenizer =
      bpe::make_bpe_tokenizer(test::small_vocabulary({{"a", "b"}, {"ab", "c"}, {" ", " "}}),
                              split::gpt2_splitter(), "<|end|>");
  return *tokenizer;
}

InspectedText inspected(const std::string& text) {
  Ids ids = test::encode(small_one(), text);
  TokenStatistics statistics = token_statistics(small_one(), text, ids);
  return {"small", small_one(), std::move(ids), std::move(statistics)};
}

std::size_t occurrences(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++count;
  return count;
}

TEST(TokenStatistics, CountsByHand) {
  // abc | a | b→"ab" merged: "abc ab\tü\xff" is abc, " ", ab, "\t", c3, bc, ff.
  const TokenStatistics s = inspected("abc ab\tü\xff").statistics;
  EXPECT_EQ(s.bytes, 10u);
  EXPECT_EQ(s.characters, 9u);
  EXPECT_EQ(s.invalid_bytes, 1u);
  EXPECT_EQ(s.words, 3u);
  EXPECT_EQ(s.tokens, 7u);
  EXPECT_TRUE(s.exact);
  EXPECT_EQ(s.vocabulary, 259u);
  EXPECT_EQ(s.used, 7u);
  EXPECT_EQ(s.unused.size(), 252u);
  EXPECT_EQ(s.unused.back(), 258);
  EXPECT_EQ(s.lengths[0], 5u);
  EXPECT_EQ(s.lengths[1], 1u);
  EXPECT_EQ(s.lengths[2], 1u);
  ASSERT_EQ(s.longest.size(), 7u);
  EXPECT_EQ(s.longest[0].id, 257);
  EXPECT_EQ(s.longest[1].id, 256);
  EXPECT_DOUBLE_EQ(s.bytes_per_token(), 10.0 / 7);
  EXPECT_DOUBLE_EQ(s.fertility(), 7.0 / 3);
  EXPECT_DOUBLE_EQ(s.share_used(), 7.0 / 259);
}

TEST(TokenStatistics, OrderOfTheLists) {
  const std::string text = "b a b a c";
  const Ids ids = test::encode(small_one(), text);
  const TokenStatistics s = token_statistics(small_one(), text, ids, 2);
  ASSERT_EQ(s.most_frequent.size(), 2u);
  EXPECT_EQ(small_one().bytes_of(s.most_frequent[0].id), " ");
  EXPECT_EQ(s.most_frequent[0].count, 4u);
  EXPECT_EQ(small_one().bytes_of(s.most_frequent[1].id), "a");  // as often as b, a lower id
  EXPECT_EQ(s.longest.size(), 2u);
}

TEST(TokenStatistics, NothingAndOtherTexts) {
  const TokenStatistics none = inspected("").statistics;
  EXPECT_EQ(none.words, 0u);
  EXPECT_EQ(none.used, 0u);
  EXPECT_EQ(none.bytes_per_token(), 0);
  EXPECT_EQ(none.fertility(), 0);
  EXPECT_TRUE(none.exact);
  EXPECT_FALSE(token_statistics(small_one(), "ab", Ids{256, 256}).exact);
  EXPECT_FALSE(token_statistics(small_one(), "abab", Ids{256}).exact);
  EXPECT_THROW(token_statistics(small_one(), "", Ids{256, 1 << 20}), Error);
  EXPECT_THROW(token_statistics(small_one(), "", Ids{256, -1}), Error);
}

// U+00A0, U+3000 and U+2028 are white space; U+200B is not.
TEST(TokenStatistics, WordsAreCutAtUnicodeWhiteSpace) {
  EXPECT_EQ(inspected(" one\u00a0two\u3000three\u2028four\u200bfour \n").statistics.words, 4u);
}

TEST(TokenTerminal, WithoutColours) {
  const auto shown = [](const std::string& text, bool ids) {
    return tokens_for_terminal(small_one(), test::encode(small_one(), text), {.ids = ids});
  };
  EXPECT_EQ(shown("abc ab", false), "abc│·│ab\n");
  EXPECT_EQ(shown("abcab", true), "abc(257)│ab(256)\n");
  EXPECT_EQ(shown("a\nb", false), "a│↵\nb\n");
  EXPECT_EQ(shown("a\n", false), "a│↵\n");
  EXPECT_EQ(shown("ü", false), "‹c3›│‹bc›\n");
  EXPECT_EQ(shown("", false), "");
}

TEST(TokenTerminal, ColoursDifferBetweenNeighboursAndEndBeforeTheLine) {
  const std::string out =
      tokens_for_terminal(small_one(), test::encode(small_one(), "abcab\n"), {.colour = true});
  EXPECT_EQ(out,
            "\x1b[48;5;153m\x1b[38;5;16mabc\x1b[0m\x1b[48;5;223m\x1b[38;5;16mab\x1b[0m"
            "\x1b[48;5;151m\x1b[38;5;243m↵\x1b[0m\n");
}

TEST(TokenTerminal, NoEscapeOfTheTextComesThrough) {
  std::mt19937 random(3);
  const std::string text = "\x1b[2J\x1b]0;title\x07\u009b31m" + test::random_bytes(random, 50'000);
  const Ids ids = test::encode(small_one(), text);
  const std::string plain = tokens_for_terminal(small_one(), ids, {});
  for (const char c : plain) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
  EXPECT_EQ(plain.find("\xc2\x9b"), plain.npos);
  const std::string coloured = tokens_for_terminal(small_one(), ids, {.colour = true});
  EXPECT_EQ(occurrences(coloured, "\x1b"), 3 * occurrences(coloured, "\x1b[0m"));
}

TEST(TokenHtml, IsOneWholePage) {
  const InspectedText one = inspected("abc ab\n");
  const std::string page = token_page({&one, 1}, {.title = "book.txt"});
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_NE(page.find("<title>Tokens of book.txt</title>"), page.npos);
  EXPECT_NE(page.find("<bdi class=c0 title=\"id 257, 3 bytes: 61 62 63\">abc</bdi>"), page.npos);
  EXPECT_NE(page.find("<svg"), page.npos);
  EXPECT_NE(page.find("prefers-color-scheme:dark"), page.npos);
  EXPECT_NE(page.find("Unused vocabulary: 255 tokens"), page.npos);
  // Nothing is loaded and nothing runs.
  for (const char* word :
       {"<script", "http:", "https:", "url(", "@import", "<img", "<link", "src="})
    EXPECT_EQ(page.find(word), page.npos) << word;
}

TEST(TokenHtml, HostileTextStaysText) {
  using namespace std::string_literals;
  const InspectedText one =
      inspected("<script>alert(1)</script>\0\"'&\u202e\x1b[31m\xff\xfe</bdi>"s);
  const std::string page =
      token_page({&one, 1}, {.title = "<img src=x onerror=alert(1)>\" \u202e"});
  EXPECT_EQ(page.find("<script"), page.npos);
  EXPECT_EQ(page.find("<img"), page.npos);
  EXPECT_EQ(page.find('\0'), page.npos);
  EXPECT_EQ(page.find('\x1b'), page.npos);
  EXPECT_EQ(page.find("\u202e"), page.npos);
  EXPECT_NE(page.find("&lt;img·src=x"), page.npos);
  // Every byte is a token here, so each sign stands alone.
  for (const char* sign : {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;", "‹U+0000›", "‹ff›"})
    EXPECT_NE(page.find(">" + std::string(sign) + "<"), page.npos) << sign;
  EXPECT_EQ(occurrences(page, "<bdi "), occurrences(page, "</bdi>"));
}

TEST(TokenHtml, LongTextsAreCutAndThePageSaysSo) {
  const InspectedText one = inspected(std::string(300'000, 'a'));
  const std::string page = token_page({&one, 1}, {.title = "a", .shown_bytes = 1000});
  EXPECT_NE(page.find("The first 1,000 of 300,000 tokens (1,000 of 300,000 bytes)"), page.npos);
  EXPECT_LT(page.size(), 150'000u);
  const std::string fewer =
      token_page({&one, 1}, {.title = "a", .shown_tokens = 10, .listed_unused = 5});
  EXPECT_NE(fewer.find("The first 10 of 300,000 tokens"), fewer.npos);
  EXPECT_NE(fewer.find("The first 5 by id."), fewer.npos);
  EXPECT_LT(fewer.size(), 20'000u);
}

}  // namespace
}  // namespace stemma::report
