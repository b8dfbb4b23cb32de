#include "text/tokenizer.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"

namespace stemma {
namespace {

TEST(OpenTokenizer, TheBuiltInNameNeedsNoFile) {
  EXPECT_EQ(test::encode(*open_tokenizer("gpt2"), "Hello world"), (test::Ids{15496, 995}));
}

TEST(OpenTokenizer, AFolderOrItsFile) {
  TemporaryFolder folder;
  open_tokenizer("gpt2")->save(folder.path());
  for (const auto& source : {folder.path(), folder / "tokenizer.json"})
    EXPECT_EQ(open_tokenizer(source.string())->vocab_size(), 50257);
}

// What exists goes before a built-in name; a folder without a tokenizer is none.
TEST(OpenTokenizer, WhatIsOnDiskGoesBeforeABuiltInName) {
  const TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  std::filesystem::create_directories("r50k_base");
  EXPECT_EQ(open_tokenizer("r50k_base")->vocab_size(), 50257);
  save_tokenizer(*open_tokenizer("bytes"), "gpt2");
  EXPECT_EQ(open_tokenizer("gpt2")->vocab_size(), open_tokenizer("bytes")->vocab_size());
  EXPECT_EQ(default_tokenizer()->vocab_size(), 50257);
  std::filesystem::current_path(before);
}

TEST(OpenTokenizer, SaysWhatIsMissing) {
  TemporaryFolder folder;
  EXPECT_ERROR(open_tokenizer("cl100k"), ErrorCode::not_found, "'cl100k' is neither");
  EXPECT_ERROR(open_tokenizer("cl100k"), ErrorCode::not_found, "did you mean 'cl100k_base'?");
  EXPECT_ERROR(open_tokenizer(""), ErrorCode::not_found, "''");
  EXPECT_ERROR(open_tokenizer(folder.path().string()), ErrorCode::not_found, "tokenizer.json");
  std::ofstream(folder / "tokenizer.json") << "";
  EXPECT_ERROR(open_tokenizer(folder.path().string()), ErrorCode::corrupt, "tokenizer.json");
}

TEST(Tokenizer, DecodesNothingToNothing) { EXPECT_EQ(open_tokenizer("gpt2")->decode({}), ""); }

}  // namespace
}  // namespace stemma
