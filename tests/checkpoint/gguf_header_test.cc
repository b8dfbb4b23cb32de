#include "checkpoint/gguf_header.h"

#include <random>

#include "tests/checkpoint/gguf_writer.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

constexpr std::uint64_t kHuge = ~0ull;

GgufHeader parsed(const std::string& bytes) { return parse_gguf(as_file(bytes), "m.gguf"); }

TEST(GgufHeader, ListsTensors) {
  GgufBytes file;
  file.version = 2;
  file.alignment = 8;
  const std::string bytes = file.key("general.alignment", kU32, u32(8))
                                .tensor("far", {3, 2}, kF32Type, 40)
                                .tensor("near", {32, 1, 1, 2}, kQ4_0Type, 0)
                                .bytes_of_data(64)
                                .bytes();
  const GgufHeader header = parsed(bytes);
  EXPECT_EQ(header.version, 2u);
  EXPECT_EQ(header.alignment, 8u);
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[0].name, "far");  // in the order of the list
  EXPECT_EQ(header.tensors[0].shape, (Shape{2, 3}));
  EXPECT_EQ(header.tensors[0].type->name, "F32");
  EXPECT_EQ(header.tensors[0].begin_byte, bytes.size() - 24);
  EXPECT_EQ(header.tensors[0].end_byte, bytes.size());
  EXPECT_EQ(header.tensors[1].shape, (Shape{2, 1, 1, 32}));
  EXPECT_EQ(header.tensors[1].begin_byte, bytes.size() - 64);
  EXPECT_EQ(header.tensors[1].end_byte, bytes.size() - 28);
}

struct Hostile {
  const char* what;
  std::string bytes;
  std::vector<std::string> words;
  ErrorCode code = ErrorCode::corrupt;
};

void expect_refused(const std::vector<Hostile>& cases) {
  for (const Hostile& bad : cases) {
    SCOPED_TRACE(bad.what);
    std::vector<std::string> words = bad.words;
    words.emplace_back("[gguf] m.gguf: ");
    expect_error(bad.code, words, [&] { parsed(bad.bytes); });
  }
}

// The header of a file that claims so many tensors and keys.
GgufBytes claiming(std::uint64_t tensors, std::uint64_t keys) {
  GgufBytes file;
  file.tensors = tensors;
  file.keys = keys;
  return file;
}

GgufBytes with_magic(std::string_view magic, std::uint32_t version) {
  GgufBytes file;
  file.magic = magic;
  file.version = version;
  return file;
}

TEST(GgufHeader, RefusesFilesOfOtherKinds) {
  constexpr ErrorCode kUnsupported = ErrorCode::unsupported;
  expect_refused({
      {"empty", "", {"needs 4 bytes at byte 0", "0 left"}},
      {"a JSON file", "{\"a\": 1}", {"letters GGUF"}},
      {"older format", with_magic("ggjt", 3).bytes(), {"letters GGUF"}},
      {"magic alone", "GGUF", {"the version", "0 left"}},
      {"version 1", with_magic("GGUF", 1).bytes(), {"version 1", "convert"}, kUnsupported},
      {"version 4", with_magic("GGUF", 4).bytes(), {"version 4", "2 and 3"}, kUnsupported},
      {"big endian", with_magic("GGUF", 0x03000000).bytes(), {"big endian"}, kUnsupported},
      {"big endian 2", with_magic("GGUF", 0x02000000).bytes(), {"big endian"}, kUnsupported},
  });
}

TEST(GgufHeader, RefusesHostileMetadata) {
  constexpr ErrorCode kUnsupported = ErrorCode::unsupported;
  const auto one = [](std::uint32_t type, const std::string& value) {
    return GgufBytes().key("k", type, value).bytes();
  };
  const std::string name_of_4_gb = claiming(0, 1).bytes() + u64(1ull << 32) + std::string(64, 'x');
  expect_refused({
      {"keys", claiming(0, kHuge).bytes(), {"number of metadata keys claims 18446744073709551615"}},
      {"keys · bytes wraps", claiming(0, kHuge / 13 + 2).bytes(), {"metadata keys claims"}},
      {"one key too many", claiming(0, 2).bytes() + std::string(25, '\0'), {"claims 2"}},
      {"name of 4 GB", name_of_4_gb, {"name of a metadata key needs 4294967296 bytes", "64 left"}},
      {"name past 2^64", claiming(0, 1).bytes() + u64(kHuge) + "xxxxxxxx", {"184467440737095516"}},
      {"string of 4 GB", one(kString, u64(1ull << 32) + "xyz"), {"'k'", "4294967296 bytes"}},
      {"string past 2^64", one(kString, u64(kHuge - 7) + "xyz"), {"'k'", "3 left"}},
      {"type 13", one(13, u64(0)), {"'k'", "value type 13"}},
      {"type 2^31", one(1u << 31, u64(0)), {"'k'", "value type 2147483648"}},
      {"u64 of 4 bytes", one(kU64, u32(1)), {"'k'", "needs 8 bytes", "4 left"}},
      {"bool 2", one(kBool, "\x02"), {"'k'", "bools 0 and 1", "2"}},
      {"bools", one(kArray, u32(kBool) + u64(2) + "\x01\xff"), {"'k'", "255"}},
      {"arrays of arrays",
       one(kArray, u32(kArray) + u64(1) + u32(kU8) + u64(0)),
       {"'k'", "array of arrays"},
       kUnsupported},
      {"element type", one(kArray, u32(99) + u64(0)), {"'k'", "value type 99"}},
      {"array count", one(kArray, u32(kU64) + u64(kHuge)), {"'k'", "claims 184467440737095516"}},
      {"count · 8 wraps", one(kArray, u32(kU64) + u64(1ull << 61)), {"'k'", "claims 2305843009"}},
      {"one u32 short", one(kArray, u32(kU32) + u64(2) + u32(1)), {"'k'", "claims 2"}},
      {"string count", one(kArray, u32(kString) + u64(1ull << 60)), {"'k'", "claims 11529215"}},
      {"strings cut", one(kArray, u32(kString) + u64(2) + text("abcdefgh")), {"'k'", "0 left"}},
      {"twice",
       GgufBytes().key("k", kU32, u32(1)).key("k", kI32, u32(1)).bytes(),
       {"'k'", "is there twice"}},
      {"control characters",
       GgufBytes().key("a\x1b[31m", 13, u64(0)).bytes(),
       {"'a?[31m'", "value type 13"}},
  });
}

TEST(GgufHeader, RefusesHostileAlignments) {
  const auto aligned = [](std::uint32_t type, const std::string& value) {
    return GgufBytes()
        .key("general.alignment", type, value)
        .tensor("w", {4}, kF32Type, 0)
        .bytes_of_data(64)
        .bytes();
  };
  expect_refused({
      {"0", aligned(kU32, u32(0)), {"general.alignment", "power of two", "it is 0"}},
      {"48", aligned(kU32, u32(48)), {"general.alignment", "it is 48"}},
      {"-32", aligned(kI32, u32(0xFFFFFFE0)), {"general.alignment", "it is -32"}},
      {"2^63", aligned(kU64, u64(1ull << 63)), {"general.alignment", "below 2^63"}},
      {"-2^63", aligned(kI64, u64(1ull << 63)), {"general.alignment", "power of two"}},
      {"2^62", aligned(kU64, u64(1ull << 62)), {"4611686018427387904", "after its end"}},
      {"2^31", aligned(kU32, u32(1u << 31)), {"2147483648", "after its end"}},
      {"a string", aligned(kString, text("32")), {"general.alignment", "an integer", "string"}},
  });
}

TEST(GgufHeader, RefusesHostileTensors) {
  constexpr ErrorCode kUnsupported = ErrorCode::unsupported;
  using Sizes = std::vector<std::uint64_t>;
  const auto one = [](const Sizes& sizes, std::uint32_t type = kF32Type, std::uint64_t offset = 0) {
    return GgufBytes().tensor("w", sizes, type, offset).bytes_of_data(64).bytes();
  };
  const auto two = [](std::string_view name, std::uint64_t first, std::uint64_t second) {
    return GgufBytes()
        .tensor("v", {16}, kF32Type, first)
        .tensor(name, {9}, kF32Type, second)
        .bytes_of_data(160)
        .bytes();
  };
  const std::string name_of_4_gb = claiming(1, 0).bytes() + u64(1ull << 32) + std::string(64, 'x');
  expect_refused({
      {"count", claiming(kHuge, 0).bytes(), {"number of tensors claims 18446744073709551615"}},
      {"count · bytes wraps", claiming(1ull << 59, 0).bytes(), {"number of tensors claims"}},
      {"after keys",
       claiming(2, 0).key("k", kArray, u32(kU8) + u64(40) + std::string(40, '\0')).bytes(),
       {"number of tensors claims 2"}},
      {"name of 4 GB", name_of_4_gb, {"name of a tensor needs 4294967296 bytes"}},
      {"no dimension", one({}), {"'w'", "1 to 4 dimensions", "has 0"}},
      {"five dimensions", one({1, 1, 1, 1, 1}), {"'w'", "1 to 4 dimensions", "has 5"}},
      {"2^32 - 1 dimensions",
       claiming(1, 0).bytes() + text("w") + u32(~0u) + std::string(64, '\0'),
       {"'w'", "has 4294967295"}},
      {"size 0", one({0}), {"'w'", "[0]", "none may be 0"}},
      {"size 0 behind", one({4, 0}), {"'w'", "[4, 0]", "none may be 0"}},
      // 2^32 · 2^32 elements wrap to 0; 2^62 elements of 4 bytes as well.
      {"elements wrap", one({1ull << 32, 1ull << 32}), {"'w'", "larger than any file"}},
      {"bytes wrap", one({1ull << 62}), {"'w'", "larger than any file"}},
      {"2^64 - 1", one({kHuge}), {"'w'", "larger than any file"}},
      {"blocks wrap", one({32, 1ull << 58, 64}, kQ4_0Type), {"'w'", "larger than any file"}},
      {"2^61 bytes", one({1ull << 59}), {"'w'", "the file has 64 bytes of tensors"}},
      {"half a block", one({16}, kQ4_0Type), {"'w'", "rows of 16", "32 elements", "Q4_0"}},
      {"rows cut blocks", one({48, 2}, kQ4_0Type), {"'w'", "rows of 48"}},
      {"half a super-block", one({128, 2}, kQ6_KType), {"'w'", "256 elements", "Q6_K"}},
      {"type 4", one({32}, 4), {"'w'", "type 4,", "Q4_K"}, kUnsupported},
      {"type 9", one({32}, 9), {"'w'", "type 9,"}, kUnsupported},
      {"type 2^32 - 1", one({32}, ~0u), {"'w'", "type 4294967295"}, kUnsupported},
      {"unaligned offset", one({4}, kF32Type, 4), {"'w'", "begins at 4", "alignment 32"}},
      {"offset past the end", one({4}, kF32Type, 96), {"'w'", "16 bytes from 96 on"}},
      {"end past the end", one({9}, kF32Type, 32), {"'w'", "36 bytes from 32 on", "has 64"}},
      {"offset 2^64 - 32", one({16}, kF32Type, kHuge - 31), {"'w'", "18446744073709551584"}},
      {"overlap", two("w", 0, 32), {"'w'", "'v'", "overlap"}},
      {"overlap, other order", two("w", 32, 0), {"'w'", "'v'", "overlap"}},
      {"same bytes", two("w", 0, 0), {"overlap"}},
      {"twice", two("v", 0, 64), {"'v'", "is there twice"}},
      {"no data", GgufBytes().tensor("w", {4}, kF32Type, 0).bytes(), {"after its end"}},
  });
}

GgufBytes good_file() {
  return GgufBytes()
      .key("general.architecture", kString, text("llama"))
      .key("names", kArray, u32(kString) + u64(2) + text("a") + text("bc"))
      .key("scale", kF32, little(0.5f))
      .tensor("v", {32, 2}, kQ4_0Type, 0)
      .tensor("w", {3}, kF32Type, 64)
      .bytes_of_data(76);
}

TEST(GgufHeader, RefusesEveryTruncation) {
  const std::string bytes = good_file().bytes();
  EXPECT_NO_THROW(parsed(bytes));
  for (std::size_t length = 0; length < bytes.size(); ++length)
    expect_error(ErrorCode::corrupt, {"m.gguf"}, [&] { parsed(bytes.substr(0, length)); });
}

// Thousands of damaged variants of a valid file: an Error, or a file whose metadata and tensors can
// be read without touching what is not its own (the sanitizers watch).
TEST(GgufHeader, MutationsNeverCrash) {
  const std::string good = good_file().bytes();
  std::mt19937 random(1);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 8000; ++i) {
    std::string bytes = good;
    for (auto edits = 1 + random() % 2; edits > 0; --edits) {
      const std::size_t at = random() % bytes.size();
      const auto kind = random() % 3;
      if (kind == 0)
        bytes[at] = static_cast<char>(random());
      else if (kind == 1)
        bytes.erase(at, 1 + random() % 4);
      else
        bytes.insert(at, 1 + random() % 4, static_cast<char>(random()));
      if (bytes.empty()) bytes = "x";
    }
    try {
      const GgufHeader header = parsed(bytes);
      for (const GgufTensor& tensor : header.tensors) {
        ASSERT_LE(tensor.end_byte, bytes.size());
        if (!tensor.type->readable()) continue;
        std::vector<float> values(static_cast<std::size_t>(tensor.shape.elements()));
        dequantise(*tensor.type,
                   as_file(bytes).subspan(tensor.begin_byte, tensor.end_byte - tensor.begin_byte),
                   values);
      }
      ++accepted;
    } catch (const Error& error) {
      ASSERT_TRUE(error.code() == ErrorCode::corrupt || error.code() == ErrorCode::unsupported)
          << error.what();
      ++refused;
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 3000);
}

}  // namespace
}  // namespace stemma::checkpoint
