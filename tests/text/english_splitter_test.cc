#include "text/english_splitter.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/text/support.h"
#include "text/english_url.h"

namespace stemma {
namespace {

std::vector<std::string> english_tokens(std::string_view text) {
  std::vector<std::string_view> tokens;
  english_splitter().split(text, tokens);
  return {tokens.begin(), tokens.end()};
}

// Made by spaCy (fixtures/make_gpt1_fixtures.py).
TEST(EnglishSplitter, EqualsSpacy) {
  const Json cases = Json::parse(test::fixture("spacy_tokens.json"), "spacy_tokens.json");
  ASSERT_GE(cases.as_array().size(), 300u);
  for (const Json& item : cases.as_array()) {
    const std::string& text = item.at("text").as_string();
    std::vector<std::string> expected;
    for (const Json& token : item.at("tokens").as_array()) expected.push_back(token.as_string());
    EXPECT_EQ(english_tokens(text), expected) << text;
  }
}

}  // namespace
}  // namespace stemma
