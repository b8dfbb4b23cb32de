#include "data/shards.h"

#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <xxhash.h>

#include "tests/data/support.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryFolder;
using Ids = std::vector<std::int32_t>;

fs::path write_shard(const TemporaryFolder& folder, const ShardInfo& info,
                     const std::vector<Ids>& documents) {
  ShardWriter writer(folder.path() / "a.tokens", info);
  for (const Ids& ids : documents) writer.add_document(ids, 10 * ids.size());
  writer.finish();
  return folder.path() / "a.tokens";
}

Ids tokens_of(const TokenShard& shard) {
  Ids ids(static_cast<std::size_t>(shard.tokens()));
  shard.copy(0, ids);
  return ids;
}

TEST(Shards, RoundTrip) {
  TemporaryFolder folder;
  for (const std::int64_t vocab : {300, 65536, 65537, 2'000'000}) {
    const ShardInfo info{vocab, 256, 0x123456789ABCDEFull};
    const auto last = static_cast<std::int32_t>(vocab - 1);
    const TokenShard shard(write_shard(folder, info, {{1, 2, 3}, {}, {last}, {0, last, 0}}));
    EXPECT_EQ(shard.info(), info);
    EXPECT_EQ(shard.documents(), 3);
    EXPECT_EQ(shard.text_bytes(), 70u);
    EXPECT_EQ(tokens_of(shard), (Ids{256, 1, 2, 3, 256, last, 256, 0, last, 0}));
    EXPECT_EQ(shard.document_begin(0), 0);
    EXPECT_EQ(shard.document_begin(1), 4);
    EXPECT_EQ(shard.document_begin(2), 6);
    EXPECT_EQ(shard.document_begin(3), 10);
  }
}

TEST(Shards, WithoutSeparatorAndEmpty) {
  TemporaryFolder folder;
  const TokenShard shard(write_shard(folder, {10, std::nullopt, 0}, {{1, 2}, {3}}));
  EXPECT_EQ(tokens_of(shard), (Ids{1, 2, 3}));
  EXPECT_FALSE(shard.info().separator);
  const TokenShard empty(write_shard(folder, {10, std::nullopt, 0}, {}));
  EXPECT_EQ(empty.tokens(), 0);
  EXPECT_EQ(empty.documents(), 0);
}

// The bytes that the header promises, written down by hand; the checksum from the xxHash library.
TEST(Shards, FormatByteByByte) {
  TemporaryFolder folder;
  const std::string bytes =
      test::read_all(write_shard(folder, {0x0201, 0x0102, 0x1122334455667788ull}, {{1, 0x01FF}}));
  std::string wanted(
      "STMATOK1\x01\0\0\0\x02\0\0\0\x01\x02\0\0\x02\x01\0\0\x88\x77\x66\x55\x44\x33"
      "\x22\x11"
      "\x02\x01\x01\0\xFF\x01\0\0"
      "\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0"
      "\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0",
      32 + 8 + 16 + 24);
  const std::uint64_t checksum = XXH3_64bits(wanted.data(), wanted.size());
  wanted.append(reinterpret_cast<const char*>(&checksum), 8);
  EXPECT_EQ(bytes, wanted + "STMATEND");
}

TEST(Shards, ChecksumChainsOverPiecesOfOneMebibyte) {
  TemporaryFolder folder;
  Ids ids(700'000);
  std::iota(ids.begin(), ids.end(), 0);
  const fs::path path = write_shard(folder, {700'000, std::nullopt, 0}, {ids});
  const TokenShard shard(path);
  EXPECT_EQ(tokens_of(shard), ids);
  const std::string bytes = test::read_all(path);
  ASSERT_GT(bytes.size(), 2u << 20);
  std::uint64_t checksum = 0, stored = 0;
  for (std::size_t at = 0; at < bytes.size() - 16; at += 1 << 20)
    checksum = XXH3_64bits_withSeed(
        bytes.data() + at, std::min<std::size_t>(1 << 20, bytes.size() - 16 - at), checksum);
  std::memcpy(&stored, bytes.data() + bytes.size() - 16, 8);
  EXPECT_EQ(stored, checksum);
}

TEST(Shards, EveryTruncationAndEveryFlippedByteIsFound) {
  TemporaryFolder folder;
  const std::string whole =
      test::read_all(write_shard(folder, {300, 256, 7}, {{1, 2, 3}, {4, 5}, {6}}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const fs::path path = folder.write("cut.tokens", whole.substr(0, size));
    EXPECT_NE(error_of(ErrorCode::corrupt, [&] { TokenShard shard(path); }).find("cut.tokens"),
              std::string::npos);
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x40);
    const fs::path path = folder.write("flip.tokens", flipped);
    const bool version = i >= 8 && i < 12;
    error_of(version ? ErrorCode::unsupported : ErrorCode::corrupt,
             [&] { TokenShard shard(path); });
  }
  error_of(ErrorCode::corrupt, [&] { TokenShard shard(folder.write("long.tokens", whole + "x")); });
}

// Damage with a checksum that fits: what a wrong program would write.
class Forged : public ::testing::Test {
 protected:
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  std::string message() {
    const std::uint64_t checksum = XXH3_64bits(bytes_.data(), bytes_.size() - 16);
    std::memcpy(bytes_.data() + bytes_.size() - 16, &checksum, 8);
    return error_of(ErrorCode::corrupt,
                    [&] { TokenShard shard(folder_.write("forged.tokens", bytes_)); });
  }
  TemporaryFolder folder_;
  // 9 tokens of 2 bytes (24 with padding) at 32, offsets 0 4 7 9 at 56, footer at 88.
  std::string bytes_ =
      test::read_all(write_shard(folder_, {300, 256, 7}, {{1, 2, 3}, {4, 5}, {6}}));
};

TEST_F(Forged, IdOutsideTheVocabulary) {
  put<std::uint16_t>(32 + 2, 300);
  EXPECT_NE(message().find("token 300 in a vocabulary of 300"), std::string::npos);
}
TEST_F(Forged, OffsetsThatDoNotAscend) {
  put<std::uint64_t>(56 + 8, 7);
  EXPECT_NE(message().find("do not ascend"), std::string::npos);
  put<std::uint64_t>(56 + 8, ~0ull);
  message();
  put<std::uint64_t>(56 + 8, 1ull << 40);
  message();
}
TEST_F(Forged, DocumentWithoutSeparator) {
  put<std::uint64_t>(56 + 8, 5);
  EXPECT_NE(message().find("separator"), std::string::npos);
}
TEST_F(Forged, AbsurdCounts) {
  for (const std::uint64_t count : {8ull, 10ull, 1ull << 32, 1ull << 61, 1ull << 63, ~0ull}) {
    const std::string saved = bytes_;
    put<std::uint64_t>(88, count);
    message();
    bytes_ = saved;
    put<std::uint64_t>(96, count);
    message();
    bytes_ = saved;
  }
}
TEST_F(Forged, AbsurdHeader) {
  for (const std::uint32_t value : {0u, 256u, 70'000u, 0x80000000u, ~0u}) {
    const std::string saved = bytes_;
    put<std::uint32_t>(16, value);  // vocabulary
    message();
    bytes_ = saved;
  }
  put<std::uint32_t>(12, 4);
  message();
}

TEST(Shards, ContentsAreCheckedAtReadingToo) {
  TemporaryFolder folder;
  std::string bytes = test::read_all(write_shard(folder, {300, 256, 7}, {{1, 2, 3}}));
  bytes[33] = '\x7F';
  const TokenShard shard(folder.write("b.tokens", bytes), false);
  error_of(ErrorCode::corrupt, [&] { tokens_of(shard); });
}

TEST(Shards, NothingIsVisibleBeforeFinish) {
  TemporaryFolder folder;
  {
    ShardWriter writer(folder.path() / "a.tokens", {300, 256, 7});
    writer.add_document(Ids{1, 2, 3}, 3);
    EXPECT_FALSE(fs::exists(folder.path() / "a.tokens"));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Shards, ImpossibleArguments) {
  TemporaryFolder folder;
  const fs::path path = folder.path() / "a.tokens";
  error_of(ErrorCode::invalid_argument, [&] { ShardWriter(path, {0, std::nullopt, 0}); });
  error_of(ErrorCode::invalid_argument, [&] { ShardWriter(path, {10, 10, 0}); });
  ShardWriter writer(path, {10, 9, 0});
  error_of(ErrorCode::invalid_argument, [&] { writer.add_document(Ids{1, 10}, 2); });
  error_of(ErrorCode::invalid_argument, [&] { writer.add_document(Ids{-1}, 2); });
  error_of(ErrorCode::not_found, [&] { TokenShard shard(folder.path() / "none.tokens"); });
}

}  // namespace
}  // namespace stemma
