#include "text/bpe/bpe_vocabulary.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/text/support.h"

namespace stemma::bpe {
namespace {

class VocabularyBuilderTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int byte = 0; byte < 256; ++byte) builder_.add_token(std::string(1, char(byte)), byte);
  }
  VocabularyBuilder builder_{"file", {300, 1}};
};

TEST_F(VocabularyBuilderTest, KeepsWhatItIsGiven) {
  builder_.add_token("ab", 300);
  builder_.add_merge("a", "b");
  builder_.add_special("<z>", 299);
  builder_.add_special("<a>", 298);
  const BpeVocabulary vocabulary = builder_.finish();
  EXPECT_EQ(vocabulary.tokens.size(), 301u);
  EXPECT_EQ(vocabulary.tokens[300], "ab");
  EXPECT_EQ(vocabulary.tokens[270], "");
  ASSERT_EQ(vocabulary.merges.size(), 1u);
  EXPECT_EQ(vocabulary.merges[0].left, 'a');
  EXPECT_EQ(vocabulary.merges[0].right, 'b');
  EXPECT_EQ(vocabulary.merges[0].result, 300);
  EXPECT_EQ(vocabulary.special_tokens,
            (std::vector<std::pair<std::string, std::int32_t>>{{"<a>", 298}, {"<z>", 299}}));
}

TEST_F(VocabularyBuilderTest, RefusesContradictions) {
  const auto code = ErrorCode::corrupt;
  EXPECT_ERROR(builder_.add_token("ab", -1), code, "'ab' must be in [0,");
  EXPECT_ERROR(builder_.add_token("ab", std::int64_t{1} << 40), code, "[file]");
  EXPECT_ERROR(builder_.add_token("ab", 1624), code, "[0, 1624)");
  EXPECT_ERROR(builder_.add_token("ab", 97), code, "id 97 is given to two tokens, 'a' and 'ab'");
  EXPECT_ERROR(builder_.add_token("a", 400), code, "'a' has two ids, 97 and 400");
  EXPECT_ERROR(builder_.add_token("", 400), code, "empty");
  EXPECT_ERROR(builder_.add_merge("a", "bc"), code, "names 'bc'");
  EXPECT_ERROR(builder_.add_merge("ab", "c"), code, "names 'ab'");
  EXPECT_ERROR(builder_.add_merge("x", "y"), code, "merge 0 ('x' + 'y') names 'xy'");
  builder_.add_token("ab", 256);
  builder_.add_merge("a", "b");
  EXPECT_ERROR(builder_.add_merge("a", "b"), code, "merge 1 ('a' + 'b') is there twice");
  builder_.add_special("<s>", 257);
  EXPECT_ERROR(builder_.add_special("<s>", 257), code, "twice");
  EXPECT_ERROR(builder_.add_special("<s>", 258), code, "two ids");
  EXPECT_ERROR(builder_.add_special("<t>", 257), code, "two tokens");
}

TEST_F(VocabularyBuilderTest, RefusesASpecialTokenThatTextYields) {
  builder_.add_token("ab", 256);
  builder_.add_merge("a", "b");
  builder_.add_special("ab", 256);
  EXPECT_ERROR(builder_.finish(), ErrorCode::unsupported, "'ab' (id 256)");
}

TEST(VocabularyBuilder, RefusesAMissingByte) {
  VocabularyBuilder builder("file", {256, 0});
  for (int byte = 0; byte < 255; ++byte) builder.add_token(std::string(1, char(byte)), byte);
  EXPECT_ERROR(builder.finish(), ErrorCode::corrupt, "byte 0xff, 'ÿ', is missing");
}

TEST_F(VocabularyBuilderTest, UnreachableTokensAreThoseThatNothingMakes) {
  builder_.add_token("ab", 256);
  builder_.add_token("cd", 257);
  builder_.add_special("<s>", 258);
  builder_.add_merge("a", "b");
  EXPECT_EQ(builder_.unreachable_tokens(), std::vector<std::int32_t>{257});
}

}  // namespace
}  // namespace stemma::bpe
