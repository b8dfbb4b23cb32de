// A tokenizer of SmolLM2's kind in Hugging Face's files (fixtures/make_smollm_fixtures.py): numbers
// cut out one by one, bytes without a token, a chat template.
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/bpe/merging_by_tokens.h"
#include "text/files/hugging_face.h"
#include "text/stream_encoder.h"

namespace stemma::tokenizer_files {
namespace {

std::string smollm_folder() { return STEMMA_SOURCE_DIR "/tests/text/fixtures/smollm"; }

Json smollm_golden() { return Json::parse(test::fixture("smollm/golden.json"), "golden.json"); }

void expect_golden_ids(const Tokenizer& tokenizer) {
  const Json golden = smollm_golden();
  for (const Json& row : golden.at("ids").as_array()) {
    test::Ids expected;
    for (const Json& id : row.as_array()[1].as_array())
      expected.push_back(static_cast<std::int32_t>(id.as_int()));
    EXPECT_EQ(test::encode(tokenizer, row.as_array()[0].as_string()), expected) << row.dump();
  }
}

TEST(SmollmFiles, GiveThePeersIds) {
  const auto tokenizer = open_tokenizer(smollm_folder());
  expect_golden_ids(*tokenizer);
  EXPECT_EQ(tokenizer->vocab_size(), 420);
  EXPECT_EQ(tokenizer->end_of_text(), 2);
  EXPECT_FALSE(tokenizer->keeps_bytes());
  EXPECT_NE(tokenizer->chat_template().find("named SmolLM"), std::string::npos);
}

TEST(SmollmFiles, ComeBackTheSameWhenWeWroteThem) {
  const TemporaryFolder folder;
  // A template of another tokenizer that was here before.
  std::ofstream(folder / "chat_template.jinja") << "another";
  const auto tokenizer = open_tokenizer(smollm_folder());
  tokenizer->save(folder.path());
  const auto again = open_tokenizer(folder.path().string());
  expect_golden_ids(*again);
  EXPECT_EQ(again->chat_template(), tokenizer->chat_template());
  EXPECT_EQ(again->end_of_text(), 2);
  EXPECT_EQ(again->special_tokens(), tokenizer->special_tokens());
  const Json config = Json::parse(read_file(folder / "tokenizer_config.json"), "config");
  EXPECT_EQ(config.at("tokenizer_class").as_string(), "PreTrainedTokenizerFast");
  EXPECT_EQ(config.at("bos_token").as_string(), "<|im_start|>");
  EXPECT_EQ(config.at("eos_token").as_string(), "<|im_end|>");
  EXPECT_EQ(config.at("unk_token").as_string(), "<|endoftext|>");
  EXPECT_EQ(config.at("pad_token").as_string(), "<|im_end|>");
  EXPECT_EQ(config.at("additional_special_tokens").dump(), R"(["<repo_name>"])");
  const Json root = Json::parse(read_file(folder / "tokenizer.json"), "tokenizer.json");
  const Json::Array& steps = root.at("pre_tokenizer").at("pretokenizers").as_array();
  EXPECT_EQ(steps[0].dump(), R"({"type": "Digits", "individual_digits": true})");
  EXPECT_TRUE(steps[1].at("use_regex").as_bool());
}

// transformers keeps several templates by name, or one in a file of its own that goes first.
TEST(SmollmFiles, TheChatTemplateMayStandInThreePlaces) {
  const TemporaryFolder folder;
  std::filesystem::copy(smollm_folder(), folder.path());
  const auto config = [&](const std::string& value) {
    std::ofstream(folder / "tokenizer_config.json") << R"({"chat_template": )" << value << "}";
    return std::string(open_tokenizer(folder.path().string())->chat_template());
  };
  EXPECT_NE(config(R"("one")").find("SmolLM"), std::string::npos);
  std::filesystem::remove(folder / "chat_template.jinja");
  EXPECT_EQ(config(R"("one")"), "one");
  EXPECT_EQ(config(R"([{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}])"),
            "d");
  EXPECT_EQ(config("null"), "");
  std::ofstream(folder / "chat_template.jinja") << "caf\xE9";
  EXPECT_ERROR(open_tokenizer(folder.path().string()), ErrorCode::corrupt, "chat_template.jinja");
}

TEST(SmollmFiles, DigitsThatStayTogetherAreRefused) {
  Json root = Json::parse(read_file(smollm_folder() + "/tokenizer.json"), "t.json");
  Json digits = Json::object({{"type", "Digits"}, {"individual_digits", false}});
  const Json bytes = root.at("pre_tokenizer").at("pretokenizers").as_array()[1];
  root.set("pre_tokenizer",
           Json::object({{"type", "Sequence"}, {"pretokenizers", Json::array({digits, bytes})}}));
  EXPECT_ERROR(read_tokenizer_json(root, "t.json"), ErrorCode::unsupported, "Digits");
}

class MissingBytes : public testing::Test {
 protected:
  static std::shared_ptr<const bpe::BpeTokenizer> tokenizer() {
    const auto opened = open_tokenizer(smollm_folder());
    return std::dynamic_pointer_cast<const bpe::BpeTokenizer>(opened);
  }
};

// What is left of a text has the ids of its pieces, one by one, without the bytes.
TEST_F(MissingBytes, AreLeftOutOfPiecesBeforeTheseAreMerged) {
  const auto opened = tokenizer();
  const std::string& missing = opened->vocabulary().missing_bytes;
  EXPECT_NE(missing.find('\x04'), std::string::npos);
  EXPECT_EQ(test::encode(*opened, "(\x04)"), test::encode(*opened, "()"));
  EXPECT_EQ(test::encode(*opened, "(\x04)").size(), 1u);
  EXPECT_EQ(test::encode(*opened, "\x04\x1d\x04"), test::Ids());
  std::mt19937 random(5);
  const std::vector<std::string> parts = {"the", " ", "\x04", "\xFF", "1", "()", "\n", "Zürich"};
  for (int round = 0; round < 500; ++round) {
    const std::string text = test::random_text(random, parts, round % 40);
    test::Ids expected;
    for (std::string piece : test::pieces(opened->splitter(), text)) {
      std::erase_if(piece, [&](char c) { return missing.find(c) != missing.npos; });
      if (!piece.empty()) opened->encode(piece, expected);
    }
    ASSERT_EQ(test::encode(*opened, text), expected) << testing::PrintToString(text);
  }
}

TEST_F(MissingBytes, AreLeftOutOfStreamsToo) {
  const auto opened = tokenizer();
  std::mt19937 random(6);
  const std::string text = test::random_bytes(random, 4000);
  StreamEncoder stream(*opened);
  test::Ids ids;
  for (std::size_t at = 0; at < text.size(); at += 7) stream.push(text.substr(at, 7), ids);
  stream.finish(ids);
  EXPECT_EQ(ids, test::encode(*opened, text));
}

TEST_F(MissingBytes, HaveNoRanks) {
  EXPECT_NE(bpe::difference_from_merging_by_tokens(tokenizer()->vocabulary()), "");
  const TemporaryFolder folder;
  EXPECT_ERROR(save_tokenizer(*tokenizer(), folder / "t.tiktoken"), ErrorCode::unsupported,
               "is no token");
}

TEST_F(MissingBytes, WithAnUnkTokenAreRefused) {
  Json root = Json::parse(read_file(smollm_folder() + "/tokenizer.json"), "t.json");
  Json model = root.at("model");
  model.set("unk_token", "<|endoftext|>");
  root.set("model", model);
  EXPECT_ERROR(read_tokenizer_json(root, "t.json"), ErrorCode::unsupported, "unk_token");
}

}  // namespace
}  // namespace stemma::tokenizer_files
