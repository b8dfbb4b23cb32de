#include "text/gpt1/gpt1_files.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/files/published.h"
#include "text/gpt1/gpt1_tokenizer.h"

namespace stemma::gpt1 {
namespace {

using test::encode;

const std::string kGpt1Vocab =
    R"({"<unk>": 0, "a": 1, "b": 2, "a</w>": 3, "b</w>": 4, "ab</w>": 5, "<end>": 6})";
const std::string kGpt1Merges = "#version: 0.2\na b</w>\n";

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(Gpt1Files, Reads) {
  const auto vocabulary = parse_gpt1({kGpt1Vocab, kGpt1Merges, {"<end>", "<no>"}, "<end>"}, "d/");
  ASSERT_TRUE(vocabulary);
  EXPECT_EQ(vocabulary->tokens.size(), 7u);
  EXPECT_EQ(vocabulary->merges.size(), 1u);
  EXPECT_EQ(vocabulary->special_tokens.size(), 2u);
  EXPECT_EQ(vocabulary->end_of_text, 6);
  EXPECT_EQ(encode(Gpt1Tokenizer(*vocabulary), "AB ba\nc"), (test::Ids{5, 2, 3, 0, 0}));
}

TEST(Gpt1Files, OtherKindsAreLeftToOthers) {
  EXPECT_FALSE(parse_gpt1({R"({"a": 0, "b": 1})", "", {}, ""}, "d/"));
  EXPECT_FALSE(parse_gpt1({R"({"a</w>": 0, "Ġ</w>": 1, "Ġ": 2})", "", {}, ""}, "d/"));
  EXPECT_FALSE(find_gpt1("no such folder", {}));
}

TEST(Gpt1Files, SaysWhatIsWrong) {
  const auto fails = [](const std::string& vocab, const std::string& merges, const char* part) {
    EXPECT_ERROR(parse_gpt1({vocab, merges, {}, ""}, "d/"), ErrorCode::corrupt, part);
  };
  fails(R"({"a</w>": 0)", "", "d/vocab.json");
  fails(R"({"a</w>": "x"})", "", "d/vocab.json");
  fails(R"({"a</w>": 0})", "", "<unk>");
  fails(R"({"<unk>": 0, "a</w>": -1})", "", "'a</w>' must be in [0");
  fails(R"({"<unk>": 0, "a</w>": 1000000})", "", "must be in [0");
  fails(R"({"<unk>": 0, "a</w>": 0})", "", "given to two tokens");
  fails(R"({"<unk>": 0, "": 1, "a</w>": 2})", "", "empty");
  fails(kGpt1Vocab, "a b</w>\n", "line 1 must begin with '#version'");
  fails(kGpt1Vocab, "#version: 0.2\nab</w>\n", "line 2");
  fails(kGpt1Vocab, "#version: 0.2\na b c\n", "line 2");
  fails(kGpt1Vocab, "#version: 0.2\n\na b</w>\n", "line 2");
  fails(kGpt1Vocab, "#version: 0.2\na a</w>\n", "'aa</w>', which is no token");
  fails(kGpt1Vocab, kGpt1Merges + "a b</w>\n", "twice");
  fails(R"({"<unk>": 0, "a</w>": 1, ")" + std::string(5000, 'x') + R"(": -1})", "", "...'");
  EXPECT_ERROR(parse_gpt1({kGpt1Vocab, kGpt1Merges, {"ab</w>"}, ""}, "d/"), ErrorCode::unsupported,
               "ordinary text");
  EXPECT_ERROR(parse_gpt1({kGpt1Vocab, kGpt1Merges, {"a"}, ""}, "d/"), ErrorCode::unsupported,
               "ordinary text");
}

TEST(Gpt1Files, SavedAndReadBackGivesTheSameIds) {
  const std::string text = test::fixture("training_corpus.txt") + "Mr. X:D can't…\n\nÉ 中";
  for (const char* name : {"openai-gpt", "gpt1"}) {
    const TemporaryFolder folder;
    const auto tokenizer = tokenizer_files::published_gpt1(name);
    tokenizer->save(folder.path());
    // A tokenizer.json of transformers beside it is another encoding.
    write_text(folder / "tokenizer.json", "{}");
    const auto again = open_tokenizer(folder.path().string());
    EXPECT_EQ(again->vocab_size(), tokenizer->vocab_size());
    EXPECT_EQ(again->special_tokens(), tokenizer->special_tokens());
    EXPECT_EQ(encode(*again, text), encode(*tokenizer, text)) << name;
    const Json config = Json::parse(read_file(folder / "tokenizer_config.json"), "config");
    EXPECT_EQ(config.at("tokenizer_class").as_string(), "OpenAIGPTTokenizer");
    EXPECT_EQ(config.at("unk_token").as_string(), "<unk>");
  }
}

// transformers 5 leaves no other file than a tokenizer.json, which cuts words as BERT does.
TEST(Gpt1Files, ATokenizerJsonHoldsTheSameVocabulary) {
  const TemporaryFolder folder;
  Json root = Json::object();
  Json model = Json::object({{"type", "BPE"}, {"end_of_word_suffix", "</w>"}});
  model.set("vocab", Json::parse(kGpt1Vocab, "vocab"));
  model.set("merges", Json::array({"a b</w>"}));
  root.set("model", model);
  root.set("added_tokens",
           Json::array({Json::object({{"id", 7}, {"content", "_start_"}, {"special", true}})}));
  write_text(folder / "tokenizer.json", root.dump());
  write_text(folder / "tokenizer_config.json",
             R"({"eos_token": "<end>", "pad_token": "_start_", "padding_side": "left"})");
  const auto tokenizer = open_tokenizer(folder.path().string());
  const auto files = parse_gpt1({kGpt1Vocab, kGpt1Merges, {"<end>"}, "<end>"}, "d/");
  EXPECT_EQ(encode(*tokenizer, "ab a b"), encode(Gpt1Tokenizer(*files), "ab a b"));
  EXPECT_EQ(tokenizer->end_of_text(), files->end_of_text);
  EXPECT_EQ(tokenizer->bytes_of(7), "_start_");
  save_tokenizer(*tokenizer, folder / "copy");
  const Json config = Json::parse(read_file(folder / "copy/tokenizer_config.json"), "config");
  EXPECT_EQ(config.at("padding_side").as_string(), "left");
  EXPECT_EQ(config.at("pad_token").as_string(), "_start_");
}

TEST(Gpt1Files, ConfigIsChecked) {
  const TemporaryFolder folder;
  write_text(folder / "vocab.json", kGpt1Vocab);
  write_text(folder / "merges.txt", kGpt1Merges);
  write_text(folder / "tokenizer_config.json", R"({"do_lower_case": 3})");
  EXPECT_ERROR(open_tokenizer(folder.path().string()), ErrorCode::corrupt, "tokenizer_config.json");
  write_text(folder / "tokenizer_config.json", R"({"eos_token": "<end>"})");
  EXPECT_EQ(open_tokenizer(folder.path().string())->end_of_text(), 6);
}

// OpenAI's own files, under their own names.
TEST(Gpt1Files, EveryTokenIsThatOfOpenAi) {
  const auto path = test::shared("tokenizers/gpt1");
  if (path.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/tokenizers/gpt1";
  const auto theirs = find_gpt1(path, {});
  ASSERT_TRUE(theirs);
  const auto ours = tokenizer_files::published_gpt1("openai-gpt");
  const auto& vocabulary = dynamic_cast<const Gpt1Tokenizer&>(*ours).vocabulary();
  ASSERT_EQ(vocabulary.tokens.size(), theirs->tokens.size());
  for (std::size_t id = 0; id < theirs->tokens.size(); ++id)
    ASSERT_EQ(vocabulary.tokens[id], theirs->tokens[id]) << id;
  ASSERT_EQ(vocabulary.merges.size(), theirs->merges.size());
  for (std::size_t rank = 0; rank < theirs->merges.size(); ++rank) {
    ASSERT_EQ(vocabulary.merges[rank].left, theirs->merges[rank].left) << rank;
    ASSERT_EQ(vocabulary.merges[rank].right, theirs->merges[rank].right) << rank;
  }
  EXPECT_EQ(encode(*open_tokenizer(path.string()), "Hello"), encode(*ours, "Hello"));
}

}  // namespace
}  // namespace stemma::gpt1
