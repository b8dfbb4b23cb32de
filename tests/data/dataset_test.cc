#include "data/dataset.h"

#include <chrono>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "data/inspect.h"
#include "tests/data/support.h"
#include "text/fingerprint.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;
using test::ByteTokenizer;
using test::error_of;
using test::TemporaryFolder;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

class OpenDataset : public ::testing::Test {
 protected:
  // Opens and says whether it packed.
  bool packs(PackOptions options = {}, const Tokenizer& tokenizer = ByteTokenizer()) {
    bool packed = false;
    options.progress = [&](const PackProgress&) { return packed = true; };
    data_ = open_dataset({file_}, tokenizer, cache_, options);
    EXPECT_TRUE(data_);
    return packed;
  }
  TemporaryFolder folder_;
  fs::path file_ = folder_.write("a.txt", "one\n<|endoftext|>\ntwo\n<|endoftext|>\nthree\n");
  fs::path cache_ = folder_.path() / "run/data";
  std::optional<Dataset> data_;
};

TEST_F(OpenDataset, CacheIsUsedAgainUntilSomethingChanges) {
  EXPECT_TRUE(packs());
  EXPECT_EQ(data_->train()->documents() + data_->validation()->documents(), 3);
  EXPECT_FALSE(packs());
  EXPECT_EQ(data_->train()->documents() + data_->validation()->documents(), 3);

  fs::last_write_time(file_, fs::last_write_time(file_) + std::chrono::seconds(2));
  EXPECT_TRUE(packs());
  EXPECT_FALSE(packs());
  folder_.write("a.txt", "one\n<|endoftext|>\ntwo\n");
  EXPECT_TRUE(packs());
  EXPECT_EQ(data_->train()->documents() + data_->validation()->documents(), 2);
  PackOptions options;
  options.validation_fraction = 0.5;
  EXPECT_TRUE(packs(options));
  EXPECT_FALSE(packs(options));
  EXPECT_TRUE(packs(options, ByteTokenizer(300)));
  EXPECT_EQ(data_->manifest().info.vocab_size, 300);
}

TEST_F(OpenDataset, DamagedCacheIsMadeAgain) {
  packs();
  const std::string shard = test::read_all(cache_ / "train-00000.tokens");
  std::ofstream(cache_ / "train-00000.tokens") << shard.substr(0, shard.size() - 3);
  EXPECT_TRUE(packs());
  fs::remove(cache_ / "token_bytes.u32");
  EXPECT_TRUE(packs());
  std::ofstream(cache_ / "dataset.json") << "{";
  EXPECT_TRUE(packs());
  EXPECT_FALSE(packs());
}

TEST_F(OpenDataset, StoppedPackingGivesNothing) {
  PackOptions options;
  options.progress = [](const PackProgress&) { return false; };
  EXPECT_FALSE(open_dataset({file_}, ByteTokenizer(), cache_, options));
  EXPECT_FALSE(is_packed(cache_));
}

TEST_F(OpenDataset, PackedFolderIsOpenedAsItIs) {
  const fs::path packed = folder_.path() / "packed";
  pack_documents(find_text_files({file_}), ByteTokenizer(), packed, {});
  const auto data = open_dataset({packed}, ByteTokenizer(), cache_, {});
  EXPECT_EQ(data->folder(), packed);
  EXPECT_FALSE(fs::exists(cache_));
  const std::string message =
      error_of(ErrorCode::corrupt, [&] { open_dataset({packed}, ByteTokenizer(258), cache_, {}); });
  EXPECT_NE(message.find("another tokenizer"), std::string::npos);
  error_of(ErrorCode::invalid_argument, [&] {
    open_dataset({packed, file_}, ByteTokenizer(), cache_, {});
  });
  error_of(ErrorCode::invalid_argument, [&] { open_dataset({}, ByteTokenizer(), cache_, {}); });
}

TEST_F(OpenDataset, EveryContradictionIsFound) {
  const fs::path packed = folder_.path() / "packed";
  pack_documents(find_text_files({file_}), ByteTokenizer(), packed, {});
  const std::string manifest = test::read_all(packed / "dataset.json");
  const auto with = [&](const std::string& from, const std::string& to, ErrorCode code) {
    folder_.write("packed/dataset.json", replaced(manifest, from, to));
    return error_of(code, [&] { Dataset::open(packed); });
  };
  with("\"vocab_size\": 257", "\"vocab_size\": 258", ErrorCode::corrupt);
  with("\"vocab_size\": 257", "\"vocab_size\": \"257\"", ErrorCode::corrupt);
  with("\"separator\": 256", "\"separator\": 255", ErrorCode::corrupt);
  with("\"separator\": 256", "\"separator\": 99999", ErrorCode::corrupt);
  with("\"documents\": 2", "\"documents\": 3", ErrorCode::corrupt);
  with("\"documents\": 2", "\"documents\": -2", ErrorCode::corrupt);
  with("\"version\": 1", "\"version\": 2", ErrorCode::unsupported);
  with("stemma-dataset", "other", ErrorCode::corrupt);
  with("train-00000.tokens", "train-00001.tokens", ErrorCode::corrupt);
  with("train-00000.tokens", "../train-00000.tokens", ErrorCode::corrupt);
  with("\"train\"", "\"trains\"", ErrorCode::corrupt);
  with("\"tokenizer_fingerprint\": \"", "\"tokenizer_fingerprint\": \"x", ErrorCode::corrupt);
  folder_.write("packed/dataset.json", manifest);
  Dataset::open(packed);
  error_of(ErrorCode::not_found, [&] { Dataset::open(folder_.path()); });
}

TEST_F(OpenDataset, Inspection) {
  const fs::path packed = folder_.path() / "packed";
  PackOptions options;
  options.validation_fraction = 0;
  pack_documents(find_text_files({file_}), ByteTokenizer(), packed, options);
  const ByteTokenizer tokenizer;
  const DataInspection found = inspect_dataset(packed, &tokenizer);
  EXPECT_TRUE(found.packed);
  EXPECT_EQ(found.vocab_size, 257);
  ASSERT_EQ(found.splits.size(), 2u);
  EXPECT_EQ(found.splits[0].documents, 3);
  EXPECT_EQ(found.splits[0].tokens, 17);
  EXPECT_EQ(found.splits[0].text_bytes, 14u);
  EXPECT_EQ(found.splits[0].shortest, 4u);
  EXPECT_EQ(found.splits[0].longest, 6u);
  EXPECT_EQ(found.splits[0].sample_text, "one\n");
  EXPECT_EQ(found.splits[1].documents, 0);
  EXPECT_EQ(inspect_dataset(packed).splits[0].sample_ids,
            (std::vector<std::int32_t>{'o', 'n', 'e', '\n'}));
  const ByteTokenizer other(300);
  error_of(ErrorCode::corrupt, [&] { inspect_dataset(packed, &other); });

  const DataInspection text = inspect_dataset(file_);
  EXPECT_FALSE(text.packed);
  ASSERT_EQ(text.splits.size(), 1u);
  EXPECT_EQ(text.splits[0].documents, 3);
  EXPECT_EQ(text.splits[0].longest, 6u);
  error_of(ErrorCode::corrupt, [&] { inspect_dataset(folder_.write("empty.txt", "\n")); });
  error_of(ErrorCode::not_found, [&] { inspect_dataset(folder_.path() / "none"); });
}

TEST(TokenizerFingerprint, TellsTokenizersApart) {
  const std::uint64_t bytes = tokenizer_fingerprint(ByteTokenizer());
  EXPECT_EQ(bytes, tokenizer_fingerprint(ByteTokenizer()));
  EXPECT_NE(bytes, tokenizer_fingerprint(ByteTokenizer(258)));
  EXPECT_NE(bytes, tokenizer_fingerprint(ByteTokenizer(257, false)));
}

}  // namespace
}  // namespace stemma
