#include "checkpoint/safetensors.h"

#include <cmath>
#include <limits>
#include <random>

#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

constexpr std::string_view kGood =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
    R"("a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}   )";

TEST(Safetensors, ParsesTheFormat) {
  const std::string bytes = file_bytes(std::string(kGood), 28);
  const SafetensorsHeader header = parse_safetensors(as_file(bytes), "x");
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[0].name, "a");  // in the order of the bytes
  EXPECT_EQ(header.tensors[0].type, StoredType::i16);
  EXPECT_EQ(header.tensors[1].name, "b");
  EXPECT_EQ(header.tensors[1].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(header.tensors[1].elements(), 6u);
  EXPECT_EQ(header.data_begin, 8 + kGood.size());
  EXPECT_EQ(header.metadata, (Metadata{{"format", "pt"}}));
}

struct BadHeader {
  std::string header;
  std::size_t data_bytes;
  std::vector<std::string> words;
};

std::string entry(std::string_view name, std::string_view shape, std::string_view offsets,
                  std::string_view dtype = "F32") {
  return "\"" + std::string(name) + R"(":{"dtype":")" + std::string(dtype) + R"(","shape":)" +
         std::string(shape) + R"(,"data_offsets":)" + std::string(offsets) + "}";
}

TEST(Safetensors, RefusesBadHeadersAndSaysWhy) {
  const BadHeader cases[] = {
      {"not json", 0, {"file.st"}},
      {"[1, 2]", 0, {"file.st", "not a JSON object"}},
      {"{" + entry("w", "[2]", "[0,8]") + "," + entry("w", "[2]", "[8,16]") + "}", 16, {"w"}},
      {R"({"w": 3})", 0, {"'w'", "not an object"}},
      {R"({"w":{"shape":[1],"data_offsets":[0,4]}})", 4, {"'w'", "dtype"}},
      {R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", 4, {"'w'", "shape"}},
      {R"({"w":{"dtype":"F32","shape":[1]}})", 4, {"'w'", "data_offsets"}},
      {"{" + entry("w", "[1]", "[0,4]", "F33") + "}", 4, {"'w'", "unknown dtype 'F33'"}},
      {"{" + entry("w", "[-1]", "[0,4]") + "}", 4, {"'w'", "shape", "-1"}},
      {"{" + entry("w", "[1.5]", "[0,4]") + "}", 4, {"'w'", "shape", "1.5"}},
      {"{" + entry("w", "[99999999999999999999]", "[0,4]") + "}", 4, {"'w'", "shape"}},
      {"{" + entry("w", "\"2\"", "[0,8]") + "}", 8, {"'w'", "shape"}},
      // 2^32 · 2^32 · 32 bits wraps to 0 in 64 bits.
      {"{" + entry("w", "[4294967296,4294967296]", "[0,0]") + "}", 0, {"'w'", "larger than any"}},
      // 2^59 · 32 bits wraps to 0 as well.
      {"{" + entry("w", "[576460752303423488]", "[0,0]") + "}", 0, {"'w'", "larger than any"}},
      {"{" + entry("w", "[2,3]", "[0,20]") + "}", 20, {"'w'", "[2, 3] of F32", "20 bytes"}},
      {"{" + entry("w", "[2,3]", "[0,28]") + "}", 28, {"'w'", "28 bytes"}},
      {"{" + entry("w", "[3]", "[0,2]", "F4") + "}", 2, {"'w'", "12 bits"}},
      {"{" + entry("w", "[2]", "[8,0]") + "}", 8, {"'w'", "[8, 0)"}},
      {"{" + entry("w", "[2]", "[0,8]") + "}", 7, {"'w'", "7 bytes of data"}},
      {"{" + entry("w", "[2]", "[0,8,9]") + "}", 8, {"'w'", "3 numbers"}},
      {"{" + entry("w", "[2]", "[-8,0]") + "}", 8, {"'w'", "-8"}},
      {"{" + entry("v", "[2]", "[0,8]") + "," + entry("w", "[2]", "[4,12]") + "}",
       12,
       {"'w'", "overlap"}},
      {"{" + entry("v", "[2]", "[0,8]") + "," + entry("w", "[2]", "[0,8]") + "}", 8, {"overlap"}},
      {"{" + entry("v", "[2]", "[0,8]") + "," + entry("w", "[2]", "[12,20]") + "}",
       20,
       {"'w'", "hole of 4"}},
      {"{" + entry("w", "[2]", "[4,12]") + "}", 12, {"'w'", "hole of 4"}},
      {"{" + entry("w", "[2]", "[0,8]") + "}", 11, {"3 bytes at the end"}},
      {R"({"__metadata__": 3})", 0, {"__metadata__"}},
      {R"({"__metadata__": {"format": 3}})", 0, {"format"}},
      {"{\"\xff\": 3}", 0, {"file.st"}},
  };
  for (const BadHeader& bad : cases) {
    SCOPED_TRACE(bad.header);
    const std::string bytes = file_bytes(bad.header, bad.data_bytes);
    std::vector<std::string> words = bad.words;
    words.emplace_back("file.st");
    expect_error(ErrorCode::corrupt, words, [&] { parse_safetensors(as_file(bytes), "file.st"); });
  }
}

TEST(Safetensors, RefusesHeaderLengthsThatCannotBe) {
  const auto with_length = [](std::uint64_t length, std::size_t rest) {
    std::string bytes(8 + rest, ' ');
    std::memcpy(bytes.data(), &length, 8);
    return bytes;
  };
  for (const auto& [length, word] :
       {std::pair<std::uint64_t, const char*>{kMaxHeaderBytes + 1, "limit is 100000000"},
        {~0ull, "limit is 100000000"},
        {~0ull - 7, "limit is 100000000"},
        {17, "the file has 16"}}) {
    const std::string bytes = with_length(length, 16);
    expect_error(ErrorCode::corrupt, {word, "file.st"},
                 [&] { parse_safetensors(as_file(bytes), "file.st"); });
  }
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string bytes = file_bytes(std::string(kGood), 28);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(parse_safetensors(as_file(std::string_view(bytes).substr(0, length)), "x"), Error)
        << length;
}

TEST(Safetensors, NamesInMessagesAreShortAndPrintable) {
  EXPECT_EQ(in_quotes("a\x1b[31m\n"), "'a?[31m?'");
  EXPECT_LT(in_quotes(std::string(100000, 'x')).size(), 200u);
}

// Thousands of damaged variants of a valid file: an Error or a file that reads without touching
// what is not its own (the sanitizers watch).
TEST(Safetensors, MutationsNeverCrash) {
  const std::string good = file_bytes(std::string(kGood), 28);
  const ScratchFolder scratch;
  std::mt19937 random(1);
  int accepted = 0, refused = 0;
  constexpr std::string_view kTokens[] = {"0", "9", "-",  "[",  "]",  "{",
                                          "}", ",", "\"", "e9", "F64"};
  for (int i = 0; i < 8000; ++i) {
    std::string bytes = good;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 4);
          break;
        case 2:
          bytes.insert(at, kTokens[random() % std::size(kTokens)]);
          break;
        default:
          bytes.resize(at + 1);
      }
      if (bytes.empty()) bytes = "x";
    }
    // The length follows half of the edits, so that they reach the checks behind it.
    if (random() % 2 && bytes.size() > 8 + 28) {
      const std::uint64_t length = bytes.size() - 8 - 28;
      std::memcpy(bytes.data(), &length, 8);
    }
    try {
      const SafetensorsHeader header = parse_safetensors(as_file(bytes), "x");
      for (const StoredTensor& tensor : header.tensors) {
        ASSERT_LE(header.data_begin + tensor.end_byte, bytes.size());
        if (!converts_to_f32(tensor.type)) continue;
        std::vector<float> values(tensor.elements());
        to_f32(tensor.type,
               as_file(bytes).subspan(header.data_begin + tensor.begin_byte,
                                      tensor.end_byte - tensor.begin_byte),
               values);
      }
      ++accepted;
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::corrupt) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(accepted, 20);
  EXPECT_GT(refused, 5000);
}

template <class T>
std::vector<float> converted(StoredType type, const std::vector<T>& values) {
  std::string bytes(1, '\0');  // one byte off: data in a file may lie unaligned
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  std::vector<float> out(values.size());
  to_f32(type, as_file(bytes).subspan(1), out);
  return out;
}

TEST(StoredTypes, ConvertToF32) {
  using Floats = std::vector<float>;
  constexpr float kInf = std::numeric_limits<float>::infinity();
  // Values from IEEE 754 binary16: 1, -2, the largest, the smallest subnormal, the smallest normal,
  // infinities, zeros.
  EXPECT_EQ(converted<std::uint16_t>(StoredType::f16, {0x3C00, 0xC000, 0x7BFF, 0x0001, 0x0400,
                                                       0x03FF, 0x7C00, 0xFC00, 0x0000}),
            (Floats{1, -2, 65504, 0x1p-24f, 0x1p-14f, 1023 * 0x1p-24f, kInf, -kInf, 0}));
  EXPECT_TRUE(std::signbit(converted<std::uint16_t>(StoredType::f16, {0x8000})[0]));
  EXPECT_TRUE(std::isnan(converted<std::uint16_t>(StoredType::f16, {0x7E01})[0]));
  EXPECT_EQ(converted<std::uint16_t>(StoredType::bf16, {0x3F80, 0xC040, 0x7F80}),
            (Floats{1, -3, kInf}));
  EXPECT_EQ(converted<double>(StoredType::f64, {0.1, 1e300, -2}), (Floats{0.1f, kInf, -2}));
  EXPECT_EQ(converted<std::int8_t>(StoredType::i8, {-128, 127}), (Floats{-128, 127}));
  EXPECT_EQ(converted<std::uint8_t>(StoredType::u8, {0, 255}), (Floats{0, 255}));
  EXPECT_EQ(converted<std::uint8_t>(StoredType::boolean, {0, 1}), (Floats{0, 1}));
  EXPECT_EQ(converted<std::int16_t>(StoredType::i16, {-3}), (Floats{-3}));
  EXPECT_EQ(converted<std::uint16_t>(StoredType::u16, {65535}), (Floats{65535}));
  EXPECT_EQ(converted<std::int32_t>(StoredType::i32, {-2147483647 - 1}), (Floats{-0x1p31f}));
  EXPECT_EQ(converted<std::uint32_t>(StoredType::u32, {4294967295u}), (Floats{0x1p32f}));
  EXPECT_EQ(converted<std::int64_t>(StoredType::i64, {-5}), (Floats{-5}));
  EXPECT_EQ(converted<std::uint64_t>(StoredType::u64, {1ull << 63}), (Floats{0x1p63f}));
}

TEST(StoredTypes, NamesAndSizesOfTheFormat) {
  for (const auto& [name, bits] : {std::pair<const char*, std::uint64_t>{"BOOL", 8},
                                   {"F4", 4},
                                   {"F6_E2M3", 6},
                                   {"F6_E3M2", 6},
                                   {"F8_E4M3", 8},
                                   {"F8_E8M0", 8},
                                   {"F16", 16},
                                   {"BF16", 16},
                                   {"C64", 64},
                                   {"U64", 64}}) {
    ASSERT_TRUE(stored_type(name)) << name;
    EXPECT_EQ(bits_of(*stored_type(name)), bits);
    EXPECT_EQ(to_string(*stored_type(name)), name);
  }
  EXPECT_FALSE(stored_type("f32"));
}

TEST(SafetensorsReader, SharesTheMappingOrOwns) {
  const ScratchFolder scratch;
  const std::string header = "{" + entry("w", "[2,2]", "[0,16]") + "}";
  std::string padded = header;
  padded.resize((header.size() + 7) / 8 * 8, ' ');
  std::string bytes = file_bytes(padded, 0);
  const float values[] = {1, 2, 3, 4};
  bytes.append(reinterpret_cast<const char*>(values), 16);
  put(scratch / "w.safetensors", bytes);

  Tensor shared, own;
  {
    const SafetensorsReader file(scratch / "w.safetensors");
    shared = file.read(file.at("w"), Memory::shared);
    own = file.read(file.at("w"), Memory::own);
    EXPECT_EQ(static_cast<const void*>(file.bytes(file.at("w")).data()), shared.raw());
    EXPECT_NE(shared.raw(), own.raw());
    expect_error(ErrorCode::not_found, {"'v'", "w.safetensors"}, [&] { file.at("v"); });
  }
  // The mapping lives as long as the tensor.
  EXPECT_EQ(shared.data<float>()[3], 4);
  own.data<float>()[0] = 9;
  EXPECT_EQ(shared.data<float>()[0], 1);
}

TEST(SafetensorsReader, ReadsUnalignedAndConverted) {
  const ScratchFolder scratch;
  std::string bytes =
      file_bytes("{" + entry("p", "[1]", "[0,1]", "U8") + "," + entry("w", "[1]", "[1,5]") + "," +
                     entry("e", "[0,3]", "[5,5]") + "}",
                 1);
  const float value = 2.5f;
  bytes.append(reinterpret_cast<const char*>(&value), 4);
  put(scratch / "w.safetensors", bytes);
  const SafetensorsReader file(scratch / "w.safetensors");
  EXPECT_EQ(file.read(file.at("w"), Memory::shared).data<float>()[0], 2.5f);
  EXPECT_EQ(file.read(file.at("p"), Memory::shared).data<float>()[0], 1.0f);
  EXPECT_EQ(file.read(file.at("e"), Memory::shared).shape(), (Shape{0, 3}));
}

TEST(SafetensorsReader, SaysWhatItCannotRead) {
  const ScratchFolder scratch;
  put(scratch / "w.safetensors", file_bytes("{" + entry("w", "[4]", "[0,4]", "F8_E4M3") + "," +
                                                entry("v", "[1,1,1,1,1]", "[4,8]") + "}",
                                            8));
  const SafetensorsReader file(scratch / "w.safetensors");
  expect_error(ErrorCode::unsupported, {"'w'", "F8_E4M3", "w.safetensors"},
               [&] { file.read(file.at("w"), Memory::own); });
  expect_error(ErrorCode::unsupported, {"'v'", "5 dimensions"},
               [&] { file.read(file.at("v"), Memory::own); });
  expect_error(ErrorCode::not_found, {"none.safetensors"},
               [&] { SafetensorsReader(scratch / "none.safetensors"); });
  put(scratch / "empty.safetensors", "");
  expect_error(ErrorCode::corrupt, {"empty.safetensors"},
               [&] { SafetensorsReader(scratch / "empty.safetensors"); });
}

}  // namespace
}  // namespace stemma::checkpoint
