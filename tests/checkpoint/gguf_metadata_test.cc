#include "checkpoint/gguf_metadata.h"

#include <limits>

#include "checkpoint/gguf.h"
#include "tests/checkpoint/gguf_writer.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

TEST(GgufMetadata, ReadsMetadataOfEveryType) {
  const GgufReader file(gguf_fixture());
  const GgufMetadata& m = file.metadata();
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(m.string("general.architecture"), "llama");
  EXPECT_EQ(m.integer("general.alignment"), 64);
  EXPECT_EQ(m.integer("test.u8"), 250);
  EXPECT_EQ(m.integer("test.i8"), -100);
  EXPECT_EQ(m.integer("test.u16"), 60000);
  EXPECT_EQ(m.integer("test.i16"), -30000);
  EXPECT_EQ(m.integer("test.u32"), 4000000000);
  EXPECT_EQ(m.integer("test.i32"), -2000000000);
  EXPECT_EQ(m.integer("test.i64"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(m.floating("test.f32"), static_cast<double>(0.1f));
  EXPECT_EQ(m.floating("test.f64"), 0.1);
  EXPECT_TRUE(m.boolean("test.bool"));
  EXPECT_EQ(m.string("test.string"), "h\u00e9llo\nworld");
  EXPECT_EQ(m.strings("test.strings"), (std::vector<std::string_view>{"a", "", "\u00e9t\u00e9"}));
  EXPECT_EQ(m.integers("test.i32s"), (std::vector<std::int64_t>{3, -1, 2}));
  EXPECT_EQ(m.integers("test.u8s"), (std::vector<std::int64_t>{0, 7, 255}));
  EXPECT_EQ(m.floats("test.f32s"), (std::vector<double>{0.5, -1.25}));
  EXPECT_EQ(m.booleans("test.bools"), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(m.entries().size(), 19u);
  EXPECT_EQ(m.entries()[0].first, "general.architecture");
  EXPECT_EQ(m.at("test.strings").describe(), "array of 3 string");
  expect_error(ErrorCode::corrupt, {"blocks.gguf", "'test.u64'", "9223372036854775808"},
               [&] { m.integer("test.u64"); });
}

TEST(GgufMetadata, AsksForKeysByNameAndType) {
  const GgufReader file(gguf_fixture());
  const GgufMetadata& m = file.metadata();
  EXPECT_EQ(m.find("test"), nullptr);
  EXPECT_EQ(m.integer("none", 7), 7);
  EXPECT_EQ(m.floating("none", 0.5), 0.5);
  EXPECT_EQ(m.string("none", "x"), "x");
  EXPECT_TRUE(m.boolean("none", true));
  EXPECT_EQ(m.integer("test.u8", 7), 250);
  expect_error(ErrorCode::not_found, {"blocks.gguf", "'none'"}, [&] { m.integer("none"); });
  expect_error(ErrorCode::not_found, {"'none'"}, [&] { m.strings("none"); });
  const auto refused = [](const std::vector<std::string>& words, auto&& call) {
    std::vector<std::string> all = words;
    all.emplace_back("blocks.gguf");
    expect_error(ErrorCode::corrupt, all, call);
  };
  refused({"'test.f32'", "an integer", "it is f32"}, [&] { m.integer("test.f32"); });
  refused({"'test.bool'", "an integer", "it is bool"}, [&] { m.integer("test.bool"); });
  refused({"'test.i32s'", "an integer", "array of 3 i32"}, [&] { m.integer("test.i32s"); });
  refused({"'test.u8'", "f32 or f64", "it is u8"}, [&] { m.floating("test.u8", 1.0); });
  refused({"'test.u8'", "a bool"}, [&] { m.boolean("test.u8"); });
  refused({"'test.u8'", "a string"}, [&] { m.string("test.u8"); });
  refused({"'test.strings'", "a string"}, [&] { m.string("test.strings"); });
  refused({"'test.string'", "array of string"}, [&] { m.strings("test.string"); });
  refused({"'test.i32s'", "array of string"}, [&] { m.strings("test.i32s"); });
  refused({"'test.f32s'", "array of integers"}, [&] { m.integers("test.f32s"); });
  refused({"'test.i32s'", "array of f32"}, [&] { m.floats("test.i32s"); });
  refused({"'test.i32s'", "array of bool"}, [&] { m.booleans("test.i32s"); });
}

TEST(GgufMetadata, EmptyArraysAndStrings) {
  const std::string bytes = GgufBytes()
                                .key("none", kArray, u32(kI32) + u64(0))
                                .key("", kString, text(""))
                                .key("names", kArray, u32(kString) + u64(0))
                                .bytes();
  const GgufHeader header = parse_gguf(as_file(bytes), "m.gguf");
  EXPECT_TRUE(header.metadata.integers("none").empty());
  EXPECT_TRUE(header.metadata.strings("none").empty());
  EXPECT_TRUE(header.metadata.floats("names").empty());
  EXPECT_EQ(header.metadata.string(""), "");
  EXPECT_TRUE(header.tensors.empty());
}

}  // namespace
}  // namespace stemma::checkpoint
