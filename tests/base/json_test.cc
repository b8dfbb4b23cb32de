#include "base/json.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"

namespace stemma {
namespace {

Json parse(std::string_view text) { return Json::parse(text, "f.json"); }

TEST(Json, KeepsIntegersAndDoublesApart) {
  EXPECT_TRUE(parse("3").is_int());
  EXPECT_FALSE(parse("3.0").is_int());
  EXPECT_FALSE(parse("3e0").is_int());
  EXPECT_EQ(parse("9223372036854775807").as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse("-9223372036854775808").as_int(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(parse("9223372036854775808").is_int());
  EXPECT_EQ(parse("9223372036854775808").as_double(), 0x1p63);
  EXPECT_EQ(parse("18446744073709551616").as_double(), 0x1p64);
  EXPECT_EQ(parse("-9223372036854775809").as_double(), -0x1p63);
  EXPECT_EQ(parse("768.0").as_int(), 768);
  EXPECT_EQ(parse("7").as_double(), 7.0);
  EXPECT_TRUE(std::signbit(parse("-0.0").as_double()));
}

TEST(Json, TypedAccessSaysWhatItGot) {
  EXPECT_ERROR(parse("768.5").as_int(), ErrorCode::corrupt, "768.5");
  EXPECT_ERROR(parse("1e300").as_int(), ErrorCode::corrupt, "an integer");
  EXPECT_ERROR(parse("9223372036854775808").as_int(), ErrorCode::corrupt, "an integer");
  EXPECT_ERROR(parse("\"x\"").as_int(), ErrorCode::corrupt, "\"x\"");
  EXPECT_ERROR(parse("[1]").as_object(), ErrorCode::corrupt, "an array");
  EXPECT_ERROR(parse("{}").as_array(), ErrorCode::corrupt, "an object");
  EXPECT_ERROR(parse("1").as_bool(), ErrorCode::corrupt, "true or false");
  EXPECT_ERROR(parse("true").as_double(), ErrorCode::corrupt, "a number");
  EXPECT_ERROR(parse("null").as_string(), ErrorCode::corrupt, "null");
  EXPECT_ERROR(parse("{}").at("n_layer"), ErrorCode::corrupt, "key 'n_layer' is missing");
  EXPECT_ERROR(parse(R"({"n_layer": "two"})").get("n_layer", 3), ErrorCode::corrupt,
               "key 'n_layer': expected an integer, got \"two\"");
}

TEST(Json, MembersKeepTheirOrderAndDefaultsServe) {
  const Json value = parse(R"({"z": 1, "a": {"b": [true, null]}, "m": null, "s": "t", "d": 2.5})");
  std::string keys;
  for (const auto& [key, member] : value.as_object()) keys += key;
  EXPECT_EQ(keys, "zamsd");
  EXPECT_EQ(value.get("m", 5), 5);
  EXPECT_EQ(value.get("none", "x"), "x");
  EXPECT_EQ(value.get("s", "x"), "t");
  EXPECT_EQ(value.get("z", 0), 1);
  EXPECT_EQ(value.get("d", 0.0), 2.5);
  EXPECT_EQ(value.get("none", true), true);
  EXPECT_EQ(value.find("none"), nullptr);
  EXPECT_TRUE(value.at("a").at("b").as_array()[0].as_bool());
}

TEST(Json, DecodesEscapesAndSurrogatePairs) {
  EXPECT_EQ(parse(R"("\u00e9\ud83d\ude00\n\"\\\/")").as_string(), "é😀\n\"\\/");
  EXPECT_EQ(parse(R"("a\u0000b")").as_string(), std::string("a\0b", 3));
  for (const char* bad : {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\u0041")",
                          R"("\u12g4")", R"("\x")", "\"\t\"", "\"a"})
    EXPECT_ERROR(parse(bad), ErrorCode::corrupt, "f.json, line 1, column");
}

TEST(Json, RefusesInvalidUtf8) {
  for (const char* bad : {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                          "\"\xe2\x82\"", "\"\x80\"", "\xff"})
    EXPECT_ERROR(parse(bad), ErrorCode::corrupt, "f.json, line 1, column");
}

TEST(Json, RefusesWhatRfc8259Forbids) {
  for (const char* bad :
       {"",          " ",      "{",           "[",           "[1,]",     "{\"a\":}",
        "{\"a\" 1}", "{a: 1}", "{'a': 1}",    "01",          "+1",       ".5",
        "1.",        "1e",     "-",           "NaN",         "Infinity", "-Infinity",
        "nul",       "tru",    "[1 2]",       "{\"a\": 1,}", "//x\n1",   "/**/1",
        "1 2",       "{} x",   "]",           "}",           "[}",       "{]",
        "1e400",     "-1e400", "\"a\" \"b\"", "[1]]"})
    EXPECT_ERROR(parse(bad), ErrorCode::corrupt, "f.json, line ");
}

TEST(Json, RefusesAZeroByteAndWhatFollows) {
  EXPECT_ERROR(parse(std::string_view("1\0", 2)), ErrorCode::corrupt, "zero byte");
  EXPECT_ERROR(parse(std::string_view("{}\0{}", 5)), ErrorCode::corrupt, "zero byte");
  EXPECT_ERROR(parse(std::string_view("\0", 1)), ErrorCode::corrupt, "line 1");
}

TEST(Json, NamesLineAndColumn) {
  EXPECT_ERROR(parse("{\n  \"a\": 1,\n  \"b\": x\n}"), ErrorCode::corrupt,
               "[json] f.json, line 3, column 8: ");
  EXPECT_ERROR(parse("{\n  \"a\": 1,\n  \"a\": 2\n}"), ErrorCode::corrupt,
               "f.json, line 3, column 5: the key 'a' comes twice");
  EXPECT_ERROR(parse("{\"x\": {\"a\": 1}, \"x\": 2}"), ErrorCode::corrupt, "'x' comes twice");
  EXPECT_NO_THROW(parse(R"({"a": {"a": 1}, "b": {"a": 2}})"));
}

TEST(Json, LimitsTheDepth) {
  const auto nested = [](int depth) {
    const auto n = static_cast<std::size_t>(depth);
    return std::string(n, '[') + std::string(n, ']');
  };
  EXPECT_NO_THROW(parse(nested(64)));
  EXPECT_ERROR(parse(nested(65)), ErrorCode::corrupt, "column 65: nested deeper than 64");
  EXPECT_ERROR(parse(nested(1'000'000)), ErrorCode::corrupt, "nested deeper than 64");
  EXPECT_ERROR(parse(std::string(1'000'000, '[')), ErrorCode::corrupt, "nested deeper than 64");
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  EXPECT_ERROR(parse(objects), ErrorCode::corrupt, "nested deeper than 64");
}

TEST(Json, ManyKeysTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  EXPECT_EQ(parse(text + "}").as_object().size(), 200'000u);
  EXPECT_ERROR(parse(text + ",\"k7\":1}"), ErrorCode::corrupt, "'k7' comes twice");
}

TEST(Json, DumpsAndReadsBack) {
  Json out = Json::object({{"step", 3}, {"loss", 2.5}, {"name", "a\"\n\x01é"}});
  out.set("list", Json::array({1, 2.0, Json(), true}));
  out.set("step", 4);
  EXPECT_EQ(out.dump(), R"({"step": 4, "loss": 2.5, "name": "a\"\n\u0001é", )"
                        R"("list": [1, 2.0, null, true]})");
  EXPECT_EQ(out.dump(2),
            "{\n  \"step\": 4,\n  \"loss\": 2.5,\n  \"name\": \"a\\\"\\n\\u0001é\",\n"
            "  \"list\": [\n    1,\n    2.0,\n    null,\n    true\n  ]\n}");
  EXPECT_EQ(parse(out.dump(2)).dump(), out.dump());
  EXPECT_EQ(Json::object().dump(2), "{}");
  EXPECT_EQ(Json::array().dump(2), "[]");
}

TEST(Json, DumpedDoublesReadBackToTheSameBits) {
  const double values[] = {0.1,
                           1.0 / 3,
                           1e300,
                           5e-324,
                           2.2250738585072014e-308,
                           3.0,
                           -0.0,
                           1e21,
                           1e22,
                           123456789012345678.0,
                           std::numeric_limits<double>::max()};
  for (const double value : values) {
    const Json back = parse(Json(value).dump());
    EXPECT_FALSE(back.is_int()) << value;
    EXPECT_EQ(back.as_double(), value);
    EXPECT_EQ(std::signbit(back.as_double()), std::signbit(value));
  }
  EXPECT_EQ(Json(0.1).dump(), "0.1");
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(-INFINITY).dump(), "null");
}

TEST(Json, DumpReplacesWhatIsNotUtf8) {
  EXPECT_EQ(Json("a\xff"
                 "b")
                .dump(),
            "\"a\xef\xbf\xbd"
            "b\"");
  EXPECT_NO_THROW(parse(Json("\xed\xa0\x80\xf0\x9f").dump()));
}

TEST(Json, BuildersRefuseTheWrongType) {
  Json number = 3;
  EXPECT_ERROR(number.set("a", 1), ErrorCode::invalid_argument, "needs an object, got 3");
  EXPECT_ERROR(number.push_back(1), ErrorCode::invalid_argument, "needs an array, got 3");
  EXPECT_ERROR(Json(std::uint64_t{1} << 63), ErrorCode::invalid_argument, "2^63");
  Json list;
  list.push_back(1);
  EXPECT_EQ(list.dump(), "[1]");
}

}  // namespace
}  // namespace stemma
