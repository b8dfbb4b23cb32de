#include "text/unicode/python_text.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace stemma::unicode {
namespace {

std::string python_lower(std::string_view text) {
  std::string lower;
  append_python_lower(text, lower);
  return lower;
}

// As Python 3.11 has them.
TEST(PythonText, Lower) {
  EXPECT_EQ(python_lower("Hello ÉCOLE Straße"), "hello école straße");
  EXPECT_EQ(python_lower("İI"), "i\u0307i");
  EXPECT_EQ(python_lower("ǅ Ⅷ Ⓐ ẞ K Å \U00010400"), "ǆ ⅷ ⓐ ß k å \U00010428");
  EXPECT_EQ(python_lower("\xC3Ä\xFF"), "\xC3ä\xFF");
}

TEST(PythonText, SigmaAtTheEndOfAWord) {
  EXPECT_EQ(python_lower("ΟΔΟΣ"), "οδος");
  EXPECT_EQ(python_lower("ΟΔΟΣ."), "οδος.");
  EXPECT_EQ(python_lower("ΣΑΣ Σ"), "σας σ");
  EXPECT_EQ(python_lower("ΑΣ'"), "ας'");
  EXPECT_EQ(python_lower("ΑΣ'Α"), "ασ'α");
  EXPECT_EQ(python_lower("Α'Σ"), "α'ς");
  EXPECT_EQ(python_lower("ΑΣ\u0301Α"), "ασ\u0301α");
  std::string each;
  append_python_lower_each("ΟΔΟΣ İ", each);
  EXPECT_EQ(each, "οδοσ i\u0307");
}

TEST(PythonText, WhiteSpace) {
  for (const std::string space : {" ", "\t", "\n", "\x1C", "\x1F", "\u0085", "\u00A0", "\u3000"})
    EXPECT_EQ(python_space_at(space, 0), space.size());
  const std::vector<std::string> others = {"a", std::string(1, '\0'), "\x1B", "\u200B", "\xA0",
                                           "é"};
  for (const std::string& other : others) EXPECT_EQ(python_space_at(other + "x", 0), 0u);
}

}  // namespace
}  // namespace stemma::unicode
