// Files that Hugging Face's libraries and tiktoken wrote, and the ids that these give
// (fixtures/make_file_fixtures.py).
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/bpe/merging_by_tokens.h"
#include "text/special_encoder.h"

namespace stemma::tokenizer_files {
namespace {

std::string peer_file(const std::string& name) {
  return std::string(STEMMA_SOURCE_DIR) + "/tests/text/fixtures/files/" + name;
}

const Json& peer_ids() {
  static const Json ids = Json::parse(test::fixture("files/ids.json"), "ids.json");
  return ids;
}

void expect_golden(const Tokenizer& tokenizer, const std::string& name) {
  const Json::Array& texts = peer_ids().at(name).at("texts").as_array();
  const Json::Array& ids = peer_ids().at(name).at("ids").as_array();
  ASSERT_EQ(texts.size(), ids.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    test::Ids expected;
    for (const Json& id : ids[i].as_array())
      expected.push_back(static_cast<std::int32_t>(id.as_int()));
    EXPECT_EQ(test::encode(tokenizer, texts[i].as_string()), expected)
        << name << ": " << texts[i].as_string();
  }
}

TEST(PeerFiles, GiveThePeersIds) {
  for (const auto& [name, golden] : peer_ids().as_object())
    expect_golden(*open_tokenizer(peer_file(name)), name);
  EXPECT_EQ(peer_ids().as_object().size(), 10u);
}

TEST(PeerFiles, GiveThemAgainWhenWeWroteThem) {
  for (const auto& [name, golden] : peer_ids().as_object()) {
    const TemporaryFolder folder;
    const auto tokenizer = open_tokenizer(peer_file(name));
    save_tokenizer(*tokenizer, folder / "new/folder");
    expect_golden(*open_tokenizer(folder / "new/folder"), name);
    if (name == "ignore_merges.json")
      EXPECT_ERROR(save_tokenizer(*tokenizer, folder / "t.tiktoken"), ErrorCode::unsupported,
                   "the merges make");
  }
}

// Flags of special tokens change nothing while these are text; they are kept, and never ignored.
TEST(PeerFiles, FlagsOfSpecialTokensAreKeptAndNotIgnored) {
  const TemporaryFolder folder;
  save_tokenizer(*open_tokenizer(peer_file("special_tokens.json")), folder / "again");
  const auto tokenizer = open_tokenizer(folder / "again");
  EXPECT_EQ(tokenizer->flag_of_special(300), "lstrip");
  EXPECT_EQ(tokenizer->flag_of_special(301), "single_word");
  EXPECT_EQ(tokenizer->flag_of_special(0), "");
  const std::vector<std::string> mask = {"<mask>"}, end = {"<|endoftext|>"};
  EXPECT_ERROR(SpecialEncoder(*tokenizer, mask), ErrorCode::unsupported, "has lstrip");
  EXPECT_NO_THROW(SpecialEncoder(*tokenizer, end));
  EXPECT_ERROR(save_tokenizer(*tokenizer, folder / "t.tiktoken"), ErrorCode::unsupported,
               "has lstrip");
}

// Special tokens come first in files that `tokenizers` trained; ranks may begin anywhere.
TEST(PeerFiles, BecomeRanks) {
  for (const char* name :
       {"byte_level.json", "cl100k_split.json", "converted.json", "digits.json"}) {
    const TemporaryFolder folder;
    save_tokenizer(*open_tokenizer(peer_file(name)), folder / "t.tiktoken");
    expect_golden(*open_tokenizer(folder / "t.tiktoken"), name);
  }
}

TEST(PeerFiles, WhatWasConvertedFromRanksMergesByTokensAgain) {
  const auto tokenizer = open_tokenizer(peer_file("converted.json"));
  const auto& vocabulary = dynamic_cast<const bpe::BpeTokenizer&>(*tokenizer).vocabulary();
  EXPECT_TRUE(vocabulary.by_tokens);
  EXPECT_TRUE(vocabulary.merges.empty());
  const TemporaryFolder folder;
  save_tokenizer(*tokenizer, folder / "t.tiktoken");
  EXPECT_EQ(read_file(folder / "t.tiktoken"), test::fixture("files/small.tiktoken"));
  const auto few = open_tokenizer(peer_file("ignore_merges.json"));
  EXPECT_TRUE(dynamic_cast<const bpe::BpeTokenizer&>(*few).vocabulary().whole_pieces);
}

TEST(PeerFiles, AreRefusedByNameWhereIdsWouldDiffer) {
  const auto code = ErrorCode::unsupported;
  EXPECT_ERROR(open_tokenizer(peer_file("refused_dropout.json")), code, "pre_tokenizer");
}

TEST(SaveTokenizer, RefusesAFormThatCannotHoldIt) {
  const TemporaryFolder folder;
  EXPECT_ERROR(save_tokenizer(*open_tokenizer("bytes"), folder / "t.tiktoken"),
               ErrorCode::unsupported, "byte-level BPE only");
  EXPECT_ERROR(save_tokenizer(*open_tokenizer("gpt2"), folder / "vocab.txt"),
               ErrorCode::unsupported, "single characters");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// The two rules differ where a token's bytes do not merge to it.
TEST(MergeRules, TellTheDifference) {
  const auto difference = [](const std::vector<std::pair<std::string, std::string>>& merges) {
    return bpe::difference_from_merging_by_tokens(test::small_vocabulary(merges));
  };
  EXPECT_EQ(difference({{"a", "b"}, {"ab", "ab"}, {"abab", "a"}}), "");
  // "abc" is [ab] [c] for the list, since ab merges first; whole for tiktoken.
  EXPECT_NE(difference({{"a", "b"}, {"b", "c"}, {"a", "bc"}}).find("'abc' (id 258)"),
            std::string::npos);
}

}  // namespace
}  // namespace stemma::tokenizer_files
