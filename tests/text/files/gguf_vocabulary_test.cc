#include "text/files/gguf_vocabulary.h"

#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/text/support.h"

namespace stemma::tokenizer_files {
namespace {

// The tokenizer of fixtures/smollm as a converter to GGUF writes it, with the memory it views.
class GgufVocabularyTest : public testing::Test {
 protected:
  GgufVocabularyTest() {
    const Json root = Json::parse(test::fixture("smollm/tokenizer.json"), "tokenizer.json");
    const auto& vocab = root.at("model").at("vocab").as_object();
    tokens_.resize(vocab.size());
    for (const auto& [token, id] : vocab) tokens_[static_cast<std::size_t>(id.as_int())] = token;
    for (const Json& merge : root.at("model").at("merges").as_array())
      merges_.push_back(merge.as_array()[0].as_string() + " " + merge.as_array()[1].as_string());
    template_ = test::fixture("smollm/chat_template.jinja");
    gguf_.where = "m.gguf";
    gguf_.model = "gpt2";
    gguf_.pre = "smollm";
    gguf_.tokens = {tokens_.begin(), tokens_.end()};
    gguf_.merges = {merges_.begin(), merges_.end()};
    gguf_.types.assign(tokens_.size(), 1);
    for (int id = 0; id < 4; ++id) gguf_.types[static_cast<std::size_t>(id)] = 3;
    gguf_.bos = 1;
    gguf_.eos = 2;
    gguf_.unknown = 0;
    gguf_.pad = 2;
    gguf_.chat_template = template_;
  }

  // The error after a change.
  void expect_refused(ErrorCode code, const std::string& part,
                      const std::function<void(GgufVocabulary&)>& change) const {
    GgufVocabulary changed = gguf_;
    change(changed);
    EXPECT_ERROR(tokenizer_of(changed), code, part);
    EXPECT_ERROR(tokenizer_of(changed), code, "[m.gguf");
  }

  std::vector<std::string> tokens_, merges_;
  std::string template_;
  GgufVocabulary gguf_;
};

TEST_F(GgufVocabularyTest, GivesTheIdsOfTheSameTokenizerInOtherFiles) {
  const auto tokenizer = tokenizer_of(gguf_);
  const Json golden = Json::parse(test::fixture("smollm/golden.json"), "golden.json");
  for (const Json& row : golden.at("ids").as_array()) {
    test::Ids expected;
    for (const Json& id : row.as_array()[1].as_array())
      expected.push_back(static_cast<std::int32_t>(id.as_int()));
    EXPECT_EQ(test::encode(*tokenizer, row.as_array()[0].as_string()), expected) << row.dump();
  }
  EXPECT_EQ(tokenizer->chat_template(), template_);
  EXPECT_EQ(tokenizer->end_of_text(), 2);
  EXPECT_EQ(tokenizer->special_tokens().size(), 4u);
}

TEST_F(GgufVocabularyTest, SavesWhatOpensAsTheSame) {
  const std::string folder = testing::TempDir() + "/gguf_vocabulary";
  save_tokenizer(*tokenizer_of(gguf_), folder);
  const auto from_gguf = open_tokenizer(folder);
  save_tokenizer(*open_tokenizer(STEMMA_SOURCE_DIR "/tests/text/fixtures/smollm"), folder + "_2");
  for (const char* file : {"tokenizer.json", "special_tokens_map.json"})
    EXPECT_EQ(read_file(std::filesystem::path(folder) / file),
              read_file(std::filesystem::path(folder + "_2") / file))
        << file;
}

TEST_F(GgufVocabularyTest, Gpt2sPattern) {
  gguf_.pre = "gpt-2";
  gguf_.eos = std::nullopt;
  const auto tokenizer = tokenizer_of(gguf_);
  EXPECT_EQ(test::encode(*tokenizer, " 1"), test::encode(*tokenizer_of(gguf_), " 1"));
  EXPECT_EQ(tokenizer->end_of_text(), 0);  // <|endoftext|>
}

TEST_F(GgufVocabularyTest, AddsWhatItSays) {
  gguf_.adds_bos = true;
  EXPECT_EQ(tokenizer_of(gguf_)->frame(test::Ids{9}).ids, (test::Ids{1, 9}));
  gguf_.adds_eos = true;
  EXPECT_EQ(tokenizer_of(gguf_)->frame(test::Ids{9}).ids, (test::Ids{1, 9, 2}));
  gguf_.bos.reset();
  EXPECT_EQ(tokenizer_of(gguf_)->frame(test::Ids{9}).ids, (test::Ids{9, 2}));
}

TEST_F(GgufVocabularyTest, FindsUserDefinedTokensInText) {
  tokens_.push_back("gadget");
  gguf_.tokens = {tokens_.begin(), tokens_.end()};
  gguf_.types.push_back(4);
  const auto id = static_cast<std::int32_t>(tokens_.size() - 1);
  const auto tokenizer = tokenizer_of(gguf_);
  const test::Ids ids = test::encode(*tokenizer, "a gadgets");
  EXPECT_EQ(std::ranges::count(ids, id), 1);
  EXPECT_EQ(tokenizer->decode(ids), "a gadgets");
}

TEST_F(GgufVocabularyTest, RefusesByNameWhatWouldGiveOtherIds) {
  const auto code = ErrorCode::unsupported;
  expect_refused(code, "'llama'", [](auto& v) { v.model = "llama"; });
  expect_refused(code, "'llama-bpe'", [](auto& v) { v.pre = "llama-bpe"; });
  expect_refused(code, "tokenizer.ggml.pre", [](auto& v) { v.pre = ""; });
  expect_refused(code, "add_space_prefix", [](auto& v) { v.adds_space = true; });
  expect_refused(code, "type 6", [](auto& v) { v.types[9] = 6; });
  expect_refused(code, "also a token of ordinary text", [&](auto& v) {
    v.types[static_cast<std::size_t>(std::ranges::find(tokens_, "re") - tokens_.begin())] = 3;
  });
}

TEST_F(GgufVocabularyTest, UserDefinedNamesOfSpecialFormAreSpecial) {
  gguf_.types[3] = 4;
  EXPECT_EQ(tokenizer_of(gguf_)->special_tokens().size(), 4u);
}

TEST_F(GgufVocabularyTest, RefusesWhatContradictsItself) {
  const auto code = ErrorCode::corrupt;
  const std::string long_token(std::size_t{257} << 20, 'a');
  expect_refused(code, "no tokens", [](auto& v) { v.tokens.clear(); });
  expect_refused(code, "419 types", [](auto& v) { v.types.pop_back(); });
  expect_refused(code, "below 420, the number of tokens, it is 420", [](auto& v) { v.eos = 420; });
  expect_refused(code, "padding_token_id", [](auto& v) { v.pad = -1; });
  expect_refused(code, "stand for no byte", [](auto& v) { v.tokens[300] = "a b"; });
  expect_refused(code, "empty", [](auto& v) { v.tokens[300] = ""; });
  expect_refused(code, "two ids", [](auto& v) { v.tokens[300] = v.tokens[301]; });
  expect_refused(code, "more than", [&](auto& v) { v.tokens[300] = long_token; });
  expect_refused(code, "merge 3 'ab' must be two", [](auto& v) { v.merges[3] = "ab"; });
  expect_refused(code, "no token of the vocabulary", [](auto& v) { v.merges[3] = "zzz a"; });
  expect_refused(code, "twice", [](auto& v) { v.merges[3] = v.merges[2]; });
  expect_refused(code, "stand for no byte", [](auto& v) { v.merges[3] = "a b c"; });
  expect_refused(code, "UTF-8", [](auto& v) { v.chat_template = "\xFF"; });
  expect_refused(code, "UTF-8", [](auto& v) { v.tokens[3] = "<\xFF>"; });
}

}  // namespace
}  // namespace stemma::tokenizer_files
