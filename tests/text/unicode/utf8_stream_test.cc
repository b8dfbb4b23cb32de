#include "text/unicode/utf8_stream.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"
#include "text/unicode/utf8.h"

namespace stemma::unicode {
namespace {

TEST(Utf8Stream, HoldsACharacterUntilItIsWhole) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0"), "a");
  EXPECT_EQ(stream.push("\x9F"), "");
  EXPECT_EQ(stream.push("\xA6"), "");
  EXPECT_EQ(stream.push("\x99!"), "\xF0\x9F\xA6\x99!");
  EXPECT_EQ(stream.flush(), "");
}

TEST(Utf8Stream, PassesInvalidBytesOnAsSoonAsTheyAreInvalid) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("\xFF"), "\xFF");
  EXPECT_EQ(stream.push("\x80"), "\x80");
  EXPECT_EQ(stream.push("\xE4\xBD"), "");
  EXPECT_EQ(stream.push("x"), "\xE4\xBDx");
  EXPECT_EQ(stream.push("\xED"), "");
  EXPECT_EQ(stream.push("\xA0"), "\xED\xA0");
  EXPECT_EQ(stream.push("\xC3"), "");
  EXPECT_EQ(stream.flush(), "\xC3");
  EXPECT_EQ(stream.flush(), "");
}

TEST(Utf8Stream, AnyCutsGiveTheSameBytesAndNeverHalfACharacter) {
  std::mt19937 random(1);
  const std::vector<std::string> parts = {"a",    "\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\xA6\x99",
                                          "\xC3", "\xF0\x9F", "\x80",         "\xFF"};
  for (int round = 0; round < 500; ++round) {
    const std::string text = test::random_text(random, parts, 30);
    std::string joined;
    Utf8Stream stream;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t size = random() % 4;
      joined += stream.push(std::string_view(text).substr(begin, size));
      begin += size;
      // What has come out ends where a reader of the whole text may stop.
      std::size_t place = 0;
      char32_t c = 0;
      while (place < joined.size())
        place += std::max<std::size_t>(decode_utf8(std::string_view(text).substr(place), c), 1);
      ASSERT_EQ(place, joined.size());
    }
    ASSERT_EQ(joined + stream.flush(), text);
  }
}

}  // namespace
}  // namespace stemma::unicode
