// Folders whose side files say something, against the ids of transformers
// (fixtures/make_folder_fixtures.py).
#include "text/files/folder_settings.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/encode_batch.h"
#include "text/special_encoder.h"
#include "text/stream_encoder.h"
#include "text/tokenizer.h"

namespace stemma::tokenizer_files {
namespace {

using test::Ids;
using test::ids_of;
using test::write_file;

const Json& folders() {
  static const Json root = Json::parse(test::fixture("folders.json"), "folders.json");
  return root;
}

void write_files(const Json& files, const std::filesystem::path& folder) {
  for (const auto& [name, text] : files.as_object()) write_file(folder / name, text.as_string());
}

void write_case(const Json& item, const std::filesystem::path& folder) {
  if (item.at("files").find("tokenizer.json") == nullptr) write_files(folders().at("pair"), folder);
  write_files(item.at("files"), folder);
}

void expect_ids_of_transformers(const Json& item, const Tokenizer& tokenizer) {
  EXPECT_EQ(tokenizer.vocab_size(), item.at("vocab").as_int());
  const SpecialEncoder specials(tokenizer, special_names(tokenizer));
  for (const char* kind : {"", "special_"}) {
    const Json::Array& texts = item.at(std::string(kind) + "texts").as_array();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string& text = texts[i].as_string();
      Ids ids;
      if (*kind)
        specials.encode(text, ids);
      else
        tokenizer.encode(text, ids);
      EXPECT_EQ(tokenizer.frame(ids).ids, ids_of(item.at(std::string(kind) + "ids").as_array()[i]))
          << text;
    }
  }
}

TEST(FolderSettings, GiveTheIdsOfTransformers) {
  ASSERT_EQ(folders().at("cases").as_array().size(), 26u);
  for (const Json& item : folders().at("cases").as_array()) {
    SCOPED_TRACE(item.at("name").as_string());
    const TemporaryFolder folder;
    write_case(item, folder.path());
    const auto tokenizer = open_tokenizer(folder.path().string());
    expect_ids_of_transformers(item, *tokenizer);
    save_tokenizer(*tokenizer, folder / "again");
    expect_ids_of_transformers(item, *open_tokenizer(folder / "again"));
  }
}

// Parts of a text that are encoded apart, on several threads or as they come, are one text.
TEST(FolderSettings, HoldForTextsInParts) {
  std::string text = "a gadget for Hello ";
  while (text.size() < 1 << 20) text += text.substr(0, 5000) + "gad\n gadgets gadgetgadge tx\n";
  Workers workers(2);
  for (const Json& item : folders().at("cases").as_array()) {
    SCOPED_TRACE(item.at("name").as_string());
    const TemporaryFolder folder;
    write_case(item, folder.path());
    const auto tokenizer = open_tokenizer(folder.path().string());
    Ids whole, parallel, streamed;
    tokenizer->encode(text, whole);
    encode_parallel(*tokenizer, text, workers, parallel);
    EXPECT_EQ(parallel, whole);
    StreamEncoder stream(*tokenizer, {.block_bytes = 1000});
    for (std::size_t at = 0; at < text.size(); at += 777)
      stream.push(text.substr(at, 777), streamed);
    stream.finish(streamed);
    EXPECT_EQ(streamed, whole);
  }
}

TEST(FolderSettings, KeepInCopiesWhatOnlyOthersUse) {
  const TemporaryFolder folder;
  write_files(folders().at("pair"), folder.path());
  write_file(folder / "tokenizer_config.json",
             R"({"pad_token": "[PAD]", "padding_side": "left", "model_max_length": 64,
            "truncation_side": "left", "clean_up_tokenization_spaces": true, "vocab_file": "/x/y",
            "chat_template": "{{ x }}", "bos_token": "<|endoftext|>"})");
  save_tokenizer(*open_tokenizer(folder.path().string()), folder / "copy");
  const Json config = Json::parse(read_file(folder / "copy/tokenizer_config.json"), "config");
  EXPECT_EQ(config.at("pad_token").as_string(), "[PAD]");
  EXPECT_EQ(config.at("padding_side").as_string(), "left");
  EXPECT_EQ(config.at("truncation_side").as_string(), "left");
  EXPECT_EQ(config.at("model_max_length").as_int(), 64);
  EXPECT_TRUE(config.at("clean_up_tokenization_spaces").as_bool());
  EXPECT_EQ(config.at("chat_template").as_string(), "{{ x }}");
  EXPECT_EQ(config.find("vocab_file"), nullptr);
}

FolderSettings parsed(std::string_view config) {
  FolderSettings settings;
  add_settings(config, "c.json", SettingsFile::tokenizer_config, settings);
  return settings;
}

TEST(FolderSettings, RefuseDamage) {
  const auto code = ErrorCode::corrupt;
  EXPECT_ERROR(parsed("[]"), code, "[c.json]");
  EXPECT_ERROR(parsed(R"({"add_bos_token": "yes"})"), code, "[c.json]");
  EXPECT_ERROR(parsed(R"({"added_tokens_decoder": {"x": {"content": "a"}}})"), code,
               "the key 'x', which must be an id");
  EXPECT_ERROR(parsed(R"({"added_tokens_decoder": {"-1": {"content": "a"}}})"), code, "'-1'");
  EXPECT_ERROR(parsed(R"({"added_tokens_decoder": {"7": {}}})"), code, "content");
  FolderSettings settings;
  EXPECT_ERROR(add_added_tokens(R"({"a": "b"})", "a.json", settings), code, "[a.json]");
}

TEST(FolderSettings, RefuseFlagsOfTokensThatTextYields) {
  const TemporaryFolder folder;
  write_files(folders().at("pair"), folder.path());
  for (const char* flag : {"lstrip", "rstrip", "single_word"}) {
    write_file(folder / "tokenizer_config.json",
               std::string(R"({"added_tokens_decoder": {"300": {"content": "x", ")") + flag +
                   R"(": true}}})");
    EXPECT_ERROR(open_tokenizer(folder.path().string()), ErrorCode::unsupported,
                 std::string("'x' is not special and has ") + flag);
  }
}

// An id that the settings give to a token must be free, or that token's own.
TEST(FolderSettings, MustNotContradictTheVocabulary) {
  const TemporaryFolder folder;
  write_files(folders().at("pair"), folder.path());
  const auto expect = [&](const std::string& decoder, const char* part) {
    write_file(folder / "tokenizer_config.json", R"({"added_tokens_decoder": )" + decoder + "}");
    EXPECT_ERROR(open_tokenizer(folder.path().string()), ErrorCode::corrupt, part);
  };
  expect(R"({"5": {"content": "<x>", "special": true}})", "id 5 is given to two tokens");
  expect(R"({"300": {"content": "he"}})", "the settings beside it say 300");
  expect(R"({"999999": {"content": "<x>"}})", "must be in [0,");
}

}  // namespace
}  // namespace stemma::tokenizer_files
