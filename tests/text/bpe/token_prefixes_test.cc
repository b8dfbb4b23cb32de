#include "text/bpe/token_prefixes.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma::bpe {
namespace {

// The sizes of the tokens that `text` begins with, as they are handed out.
std::vector<std::size_t> sizes_of(const TokenPrefixes& prefixes, const BpeVocabulary& vocabulary,
                                  std::string_view text) {
  std::vector<std::size_t> sizes;
  for (std::size_t most = text.size(); most > 0; most = sizes.back() - 1) {
    const auto token = prefixes.longest(text.substr(0, most), text.data() + text.size());
    EXPECT_EQ(vocabulary.tokens[static_cast<std::size_t>(token.id)], text.substr(0, token.size));
    sizes.push_back(token.size);
  }
  return sizes;
}

TEST(TokenPrefixes, EveryTokenLongestFirst) {
  const std::string long_a(20, 'a'), longer_a(31, 'a');
  VocabularyBuilder builder("test", {300, 0});
  std::int64_t id = 0;
  for (int byte = 0; byte < 256; ++byte)
    builder.add_token(std::string(1, static_cast<char>(byte)), id++);
  for (const std::string& token : {std::string("ab"), std::string("abc"), std::string("abcdef"),
                                   std::string("abcdefghijklmno"), long_a, longer_a})
    builder.add_token(token, id++);
  builder.add_special("abcd", id);
  builder.merge_by_tokens();
  const BpeVocabulary vocabulary = builder.finish();
  const MergeRules rules(vocabulary);
  const TokenPrefixes prefixes(vocabulary, rules);
  using Sizes = std::vector<std::size_t>;
  EXPECT_EQ(sizes_of(prefixes, vocabulary, "abcdefghijklmnop"), (Sizes{15, 6, 3, 2, 1}));
  EXPECT_EQ(sizes_of(prefixes, vocabulary, "abcdefx"), (Sizes{6, 3, 2, 1}));
  EXPECT_EQ(sizes_of(prefixes, vocabulary, "abcde"), (Sizes{3, 2, 1}));
  EXPECT_EQ(sizes_of(prefixes, vocabulary, "abx"), (Sizes{2, 1}));
  EXPECT_EQ(sizes_of(prefixes, vocabulary, "x"), (Sizes{1}));
  EXPECT_EQ(sizes_of(prefixes, vocabulary, std::string(40, 'a')), (Sizes{31, 20, 1}));
  EXPECT_EQ(sizes_of(prefixes, vocabulary, std::string(30, 'a') + "b"), (Sizes{20, 1}));
}

}  // namespace
}  // namespace stemma::bpe
