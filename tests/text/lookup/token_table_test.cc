#include "text/lookup/token_table.h"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"

namespace stemma::lookup {
namespace {

// Few letters, so that most tokens begin as others do; NUL is one of them, as in the padding.
std::string random_token(std::mt19937& random) {
  return test::random_text(random, {std::string(1, '\0'), "a", "b"},
                           static_cast<int>(random() % 40 + 1));
}

TEST(TokenTable, FindsWhatWasInsertedAndNothingElse) {
  std::mt19937 random(3);
  TokenTable table;  // grows many times
  std::map<std::string, std::int32_t> expected;
  for (std::int32_t id = 0; id < 5000; ++id) {
    const std::string token = random_token(random);
    if (expected.try_emplace(token, id).second) table.insert(token, id);
  }
  for (const auto& [token, id] : expected) EXPECT_EQ(table.find(token), id);
  int absent = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string token = random_token(random);
    const auto known = expected.find(token);
    absent += known == expected.end();
    EXPECT_EQ(table.find(token), known == expected.end() ? -1 : known->second);
  }
  EXPECT_GT(absent, 1000);
}

TEST(TokenTable, WhatStandsBehindAWordDoesNotMatter) {
  TokenTable table(8);
  table.insert("the", 5);
  table.insert("fifteen letters", 6);
  const std::string text = "the fifteen letters, and more behind them";
  const char* const end = text.data() + text.size();
  EXPECT_EQ(table.find(std::string_view(text).substr(0, 3), end), 5);
  EXPECT_EQ(table.find(std::string_view(text).substr(4, 15), end), 6);
  EXPECT_EQ(table.find(std::string_view(text).substr(4, 14), end), -1);
  EXPECT_EQ(table.find(std::string_view(text).substr(0, 4), end), -1);
}

// Where memory may be read behind the word, it is read at once; elsewhere in parts.
TEST(WordKey, IsTheSameHoweverItIsRead) {
  const std::string text = "\x01\x82\x03\x84\x05\x86\x07\x88\x09\x8A\x0B\x8C\x0D\x8E\x0F____";
  for (std::size_t size = 0; size <= kMaxWordBytes; ++size) {
    const WordKey at_once = WordKey::of(text.data(), size, text.data() + text.size());
    EXPECT_EQ(WordKey::of(std::string_view(text).substr(0, size)), at_once) << size;
    std::string bytes(reinterpret_cast<const char*>(&at_once), sizeof(at_once));
    EXPECT_EQ(bytes.substr(0, 15), text.substr(0, size) + std::string(15 - size, '\0'));
    EXPECT_EQ(bytes[15], static_cast<char>(size));
  }
}

}  // namespace
}  // namespace stemma::lookup
