#include "text/unicode/byte_alphabet.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace stemma::unicode {
namespace {

TEST(ByteAlphabet, PublishedLetters) {
  EXPECT_EQ(to_byte_alphabet(" the"), "Ġthe");
  EXPECT_EQ(to_byte_alphabet("\n\t\r"), "Ċĉč");
  EXPECT_EQ(to_byte_alphabet(std::string_view("\0", 1)), "Ā");
  EXPECT_EQ(to_byte_alphabet("\x7F"), "ġ");
  EXPECT_EQ(to_byte_alphabet("\x80\xA0\xAD\xAE\xFF"), "ĢłŃ®ÿ");
}

TEST(ByteAlphabet, ThereAndBackForEveryByte) {
  std::set<std::string> letters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    const std::string letter = to_byte_alphabet(bytes);
    EXPECT_EQ(from_byte_alphabet(letter), bytes) << byte;
    letters.insert(letter);
  }
  EXPECT_EQ(letters.size(), 256u);
}

TEST(ByteAlphabet, RefusesWhatStandsForNoByte) {
  for (const char* text : {" ", "a b", "\n", "\x7F", "\xC2\xAD", "ń", "中", "\xFF", "\xC4"})
    EXPECT_FALSE(from_byte_alphabet(text)) << text;
  EXPECT_EQ(from_byte_alphabet(""), "");
}

// GPT-2's encoder.json: "!" is 0, "\"" is 1, "Ġ" is 220, "Ċ" is 198.
TEST(ByteAlphabet, OrderIsThatOfGpt2sIds) {
  const auto& order = byte_alphabet_order();
  EXPECT_EQ(order[0], '!');
  EXPECT_EQ(order[1], '"');
  EXPECT_EQ(order[64], 'a');
  EXPECT_EQ(order[198], '\n');
  EXPECT_EQ(order[220], ' ');
  EXPECT_EQ(std::set<int>(order.begin(), order.end()).size(), 256u);
}

}  // namespace
}  // namespace stemma::unicode
