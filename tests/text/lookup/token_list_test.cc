#include "text/lookup/token_list.h"

#include <string>

#include <gtest/gtest.h>

namespace stemma::lookup {
namespace {

TEST(TokenList, KeepsTokensInAnyOrderOfIds) {
  TokenList tokens;
  EXPECT_EQ(tokens.size(), 0u);
  tokens.set(3, "three");
  tokens.set(0, std::string("\0x", 2));
  tokens.set(5, std::string(1000, 'y'));
  EXPECT_EQ(tokens.size(), 6u);
  EXPECT_EQ(tokens[3], "three");
  EXPECT_EQ(tokens[0], std::string("\0x", 2));
  EXPECT_EQ(tokens[5], std::string(1000, 'y'));
  EXPECT_TRUE(tokens[1].empty());
}

}  // namespace
}  // namespace stemma::lookup
