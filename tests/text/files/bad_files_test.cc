// Every file of a tokenizer folder, damaged in every way: an Error that names the file.
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/bpe/bpe_tokenizer.h"

namespace stemma::tokenizer_files {
namespace {

namespace fs = std::filesystem;

// A whole folder of a small tokenizer in which one file is damaged.
class BadFile : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    bpe::make_bpe_tokenizer(test::small_vocabulary({{"t", "h"}, {"th", "e"}}),
                            split::gpt2_splitter(), "<|end|>")
        ->save(folder_.path());
    path_ = folder_ / GetParam();
    if (path_.filename() == "vocab.json" || path_.filename() == "merges.txt")
      fs::remove(folder_ / "tokenizer.json");
    whole_ = read_file(path_);
  }
  void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
  void expect_corrupt(const std::string& what) {
    try {
      (void)open_tokenizer(folder_.path().string());
      ADD_FAILURE() << what << ": opened";
    } catch (const Error& error) {
      EXPECT_EQ(to_string(error.code()), "corrupt") << what << ": " << error.what();
      EXPECT_NE(std::string(error.what()).find(GetParam()), std::string::npos) << error.what();
    }
  }

  TemporaryFolder folder_;
  fs::path path_;
  std::string whole_;
};

TEST_P(BadFile, OtherEncodings) {
  std::string little, big;
  for (const char c : whole_) {
    little += {c, '\0'};
    big += {'\0', c};
  }
  write("\xFF\xFE" + little);
  expect_corrupt("UTF-16, little");
  write("\xFE\xFF" + big);
  expect_corrupt("UTF-16, big");
  write(little);
  expect_corrupt("UTF-16 without mark");
  write(whole_.substr(0, whole_.size() / 2) + '\0' + whole_.substr(whole_.size() / 2));
  expect_corrupt("NUL");
  const std::size_t at = whole_.rfind('e');
  write(whole_.substr(0, at) + "\xE9" + whole_.substr(at + 1));
  expect_corrupt("Latin-1");
}

TEST_P(BadFile, Truncated) {
  const bool lines = path_.filename() == "merges.txt";
  for (std::size_t size = 0; size + 3 < whole_.size(); size += whole_.size() / 20 + 1) {
    if (lines && size == 0) continue;  // no merges at all: below
    write(whole_.substr(0, size));
    expect_corrupt("cut at " + std::to_string(size));
  }
}

TEST_P(BadFile, NestedAMillionDeep) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 1'000'000; ++i) deep += open;
    write(deep);
    expect_corrupt("nested");
  }
}

// A file without blocks, refused by its size before anything is read.
TEST_P(BadFile, TwoGigabytes) {
  fs::resize_file(path_, std::uintmax_t{2} << 30);
  expect_corrupt("2 GB");
}

TEST_P(BadFile, LineEndsOfWindowsAreNoDamage) {
  std::string crlf;
  for (const char c : whole_) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  write(crlf);
  const auto opened = open_tokenizer(folder_.path().string());
  EXPECT_EQ(test::encode(*opened, "the").size(), 1u);
  EXPECT_EQ(opened->end_of_text(), 258);
}

INSTANTIATE_TEST_SUITE_P(Files, BadFile,
                         testing::Values("tokenizer.json", "vocab.json", "merges.txt",
                                         "tokenizer_config.json", "special_tokens_map.json"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name)
                             if (c == '.') c = '_';
                           return name;
                         });

TEST(BadFiles, MergesOfNothing) {
  const TemporaryFolder folder;
  bpe::make_bpe_tokenizer(test::small_vocabulary({{"t", "h"}}), split::gpt2_splitter())
      ->save(folder.path());
  fs::remove(folder / "tokenizer.json");
  std::ofstream(folder / "merges.txt") << "";
  EXPECT_THROW((void)open_tokenizer(folder.path().string()), Error);
}

}  // namespace
}  // namespace stemma::tokenizer_files
