#include "text/cleaning/fix_text.h"

#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/text/support.h"
#include "text/unicode/utf8.h"

namespace stemma::cleaning {
namespace {

std::string bytes_from_hexadecimal(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string repeated_text(const std::string& part, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

// tests/text/fixtures/make_fix_text_cases.py
TEST(FixText, EqualsFtfy) {
  const Json cases = Json::parse(test::fixture("fix_text_cases.json"), "fix_text_cases.json");
  ASSERT_GT(cases.as_array().size(), 1500u);
  for (const Json& one : cases.as_array()) {
    const std::string before(static_cast<std::size_t>(one.get("before", 0)), 'a');
    const Json* bytes = one.find("bytes");
    const std::string text =
        bytes ? bytes_from_hexadecimal(bytes->as_string()) : one.at("text").as_string();
    const std::string fixed = fix_text(before + text);
    ASSERT_TRUE(fixed.starts_with(before));
    EXPECT_EQ(fixed.substr(before.size()), one.at("fixed").as_string()) << one.dump();
  }
}

TEST(FixText, PlainTextStays) {
  const std::string text = test::fixture("training_corpus.txt");
  std::string plain;
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x7F && c != '&' && c != '\r') plain.push_back(c);
  ASSERT_GT(plain.size(), 1000u);
  EXPECT_EQ(fix_text(plain), plain);
  EXPECT_EQ(fix_text(""), "");
  EXPECT_EQ(fix_text("no line end"), "no line end");
}

// A line is cleaned alike wherever it stands, but for what a '<' before it forbids.
TEST(FixText, LinesAreCleanedAlone) {
  const std::string wrong = "sch\u00C3\u00B6n &amp; gut\n";
  EXPECT_EQ(fix_text("plain\n" + wrong + "S\u00C3O\n" + wrong),
            "plain\nsch\u00F6n & gut\nS\u00C3O\nsch\u00F6n & gut\n");
  EXPECT_EQ(fix_text(wrong + "1 < 2\n" + wrong), "sch\u00F6n & gut\n1 < 2\nsch\u00F6n &amp; gut\n");
}

// Texts in which each repair makes the next one possible, or a match fails late: a search from the
// start for each would take quadratic time. They end soon, and the result is UTF-8.
// Longer than ftfy looks at at once: what is plain at its start is passed over, the rest is not.
TEST(FixText, ALongLineIsCleanedToItsEnd) {
  const std::string plain(2'500'000, 'x');
  EXPECT_EQ(fix_text(plain + " schÃ¶n &amp; gut\n" + plain + "&lt;"),
            plain + " schön & gut\n" + plain + "<");
  EXPECT_EQ(fix_text(plain + "<" + plain + "&lt;"), plain + "<" + plain + "&lt;");
}

TEST(FixText, HostileTextEndsSoon) {
  constexpr std::size_t kParts = 60'000;
  for (const std::string part :
       {"\u00C3", "&", "amp;", "&amp", "\x1B[", "\x1B[1;", "\uFB01", "\u0301\u0327",
        "\u00C3\u00A9\u00A9\u20AC", "\r", "\xF0\x9F", "\u1100\u1161", "\u00E9\u0081\u0080",
        "\u00C3 ", "\u00E2\u20AC\uFFFD"}) {
    const std::string fixed = fix_text("&" + repeated_text(part, kParts));
    std::string_view rest = fixed;
    for (char32_t c = 0; !rest.empty();) {
      const std::size_t length = unicode::decode_utf8(rest, c);
      ASSERT_GT(length, 0u) << part;
      rest.remove_prefix(length);
    }
  }
}

// The bound on the effort leaves alone what a line of ordinary length needs: each repair makes the
// next one possible, 200 times.
TEST(FixText, ChainsOfRepairsEnd) {
  const std::string fixed = fix_text(repeated_text("\u00C3\u00A9\u00A9\u20AC", 200));
  EXPECT_EQ(fixed.find("\u00C3"), fixed.npos);
}

}  // namespace
}  // namespace stemma::cleaning
