#include "text/special_encoder.h"

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma {
namespace {

using test::Ids;

Ids encode_special(const Tokenizer& tokenizer, std::string_view text,
                   const std::vector<std::string>& allowed) {
  Ids ids;
  SpecialEncoder(tokenizer, allowed).encode(text, ids);
  return ids;
}

TEST(SpecialEncoder, GivesTiktokensIds) {
  const Json cases = Json::parse(test::fixture("special_ids.json"), "special_ids.json");
  ASSERT_GE(cases.as_array().size(), 100u);
  std::map<std::string, std::shared_ptr<const bpe::BpeTokenizer>> tokenizers;
  Workers workers(2);
  for (const Json& item : cases.as_array()) {
    auto& tokenizer = tokenizers[item.at("encoding").as_string()];
    if (!tokenizer)
      tokenizer = tokenizer_files::published_tokenizer(item.at("encoding").as_string());
    std::vector<std::string> allowed;
    if (item.at("allowed").is_array())
      for (const Json& name : item.at("allowed").as_array()) allowed.push_back(name.as_string());
    else
      allowed = special_names(*tokenizer);
    Ids expected;
    for (const Json& id : item.at("ids").as_array())
      expected.push_back(static_cast<std::int32_t>(id.as_int()));
    const std::string& text = item.at("text").as_string();
    EXPECT_EQ(encode_special(*tokenizer, text, allowed), expected) << text;
    Ids ids;
    SpecialEncoder(*tokenizer, allowed).encode(text, workers, ids);
    EXPECT_EQ(ids, expected) << text;
  }
}

std::shared_ptr<const bpe::BpeTokenizer> tokenizer_with(const std::vector<std::string>& names) {
  bpe::VocabularyBuilder builder("test", {names.size() + 256, 0});
  std::int64_t id = 0;
  for (const std::uint8_t byte : unicode::byte_alphabet_order())
    builder.add_token(std::string(1, static_cast<char>(byte)), id++);
  for (const std::string& name : names) builder.add_special(name, id++);
  return bpe::make_bpe_tokenizer(builder.finish(), split::gpt2_splitter());
}

TEST(SpecialEncoder, TheLeftmostThenTheLongestNameWins) {
  const auto tokenizer = tokenizer_with({"[a", "[a]", "[a][b]", "][b", "\xC3\xA9[", "[a]["});
  const auto specials = [&](std::string_view text, const std::vector<std::string>& allowed) {
    Ids ids;
    for (const std::int32_t id : encode_special(*tokenizer, text, allowed))
      if (id >= 256) ids.push_back(id - 256);
    return ids;
  };
  const auto all = special_names(*tokenizer);
  EXPECT_EQ(specials("[a][b]", all), (Ids{2}));
  EXPECT_EQ(specials("[a][b", all), (Ids{5}));
  EXPECT_EQ(specials("[a]", all), (Ids{1}));
  EXPECT_EQ(specials("[a][a", all), (Ids{5}));
  EXPECT_EQ(specials("[b][b", all), (Ids{3}));
  EXPECT_EQ(specials("\xC3\xA9[a]", all), (Ids{4}));
  EXPECT_EQ(specials("[a][b]", {"[a]", "[a]"}), (Ids{1}));
  EXPECT_EQ(specials("[a][b]", {"][b", "[a"}), (Ids{0, 3}));
  EXPECT_EQ(specials("[a][b]", {}), (Ids{}));
}

TEST(SpecialEncoder, FindsWhereNamesLie) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  const SpecialEncoder encoder(*tokenizer, special_names(*tokenizer));
  const std::string text = "a<|endoftext|>b";
  const auto found = encoder.find(text);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->begin, 1u);
  EXPECT_EQ(found->end, 14u);
  EXPECT_EQ(found->id, 50256);
  EXPECT_FALSE(encoder.find(text, 2));
}

TEST(SpecialEncoder, RefusesNamesThatAreNone) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  EXPECT_ERROR(encode_special(*tokenizer, "", {"<|endoftxt|>"}), ErrorCode::invalid_argument,
               "did you mean '<|endoftext|>'?");
  EXPECT_ERROR(encode_special(*tokenizer, "", {""}), ErrorCode::invalid_argument, "''");
}

// A thousand names, and text that begins them everywhere.
TEST(SpecialEncoder, ManyNamesTakeLinearTime) {
  const auto tokenizer = tokenizer_files::published_tokenizer("o200k_harmony");
  const std::vector<std::string> all = special_names(*tokenizer);
  ASSERT_GT(all.size(), 1000u);
  std::string text;
  while (text.size() < 300'000) text += "<|reserved_2000";
  Ids ordinary;
  tokenizer->encode(text, ordinary);
  EXPECT_EQ(encode_special(*tokenizer, text, all), ordinary);
}

}  // namespace
}  // namespace stemma
