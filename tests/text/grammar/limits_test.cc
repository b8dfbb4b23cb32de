// Hostile schemas and expressions: refused, or compiled, in bounded time.
#include "text/grammar/limits.h"

#include <chrono>
#include <functional>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/text/grammar/support.h"

namespace stemma::grammar {
namespace {

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Either an Error of invalid_argument or a grammar; true: refused.
bool refused(const std::function<void()>& compile) {
  const auto begin = std::chrono::steady_clock::now();
  bool is_refused = false;
  try {
    compile();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
    is_refused = true;
  }
  // A wide limit: sanitizers and busy machines are slow.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  return is_refused;
}

TEST(GrammarLimits, RegularExpressions) {
  const auto regex_refused = [](const std::string& pattern) {
    return refused([&] { regex_grammar(pattern); });
  };
  EXPECT_TRUE(regex_refused("(a|b)*a(a|b){20}"));  // 2^20 states
  EXPECT_TRUE(regex_refused("(?:(?:a{1000}){1000}){1000}"));
  EXPECT_TRUE(regex_refused("(?:(?:(?:){2000}){2000}){2000}"));
  EXPECT_TRUE(regex_refused(repeated("(", 5000)));
  EXPECT_TRUE(regex_refused(repeated("(", 5000) + repeated(")", 5000)));
  EXPECT_TRUE(regex_refused(repeated("a", 30000)));
  EXPECT_TRUE(regex_refused("(?:\\p{L}{50}\\P{L}{50}){50}"));
  EXPECT_FALSE(regex_refused("(?:a*)*b" + repeated("|a*b", 500)));
  EXPECT_FALSE(regex_refused("(?:a?){300}a{300}"));
  EXPECT_FALSE(regex_refused(".{0,2000}"));
}

Json nested(const char* keyword, bool in_list, int depth) {
  Json schema = Json::object({{"type", "null"}});
  for (int i = 0; i < depth; ++i) {
    Json inner = in_list ? Json::array({schema}) : schema;
    schema = Json::object({{keyword, std::move(inner)}});
  }
  return schema;
}

TEST(GrammarLimits, DeepSchemas) {
  EXPECT_TRUE(refused([] { schema_grammar(nested("anyOf", true, 1000)); }));
  EXPECT_TRUE(refused([] { schema_grammar(nested("allOf", true, 1000)); }));
  EXPECT_FALSE(refused([] { schema_grammar(nested("items", false, 200)); }));
  EXPECT_TRUE(refused([] {
    Json value = Json(1);
    for (int i = 0; i < 1000; ++i) value = Json::array({value});
    schema_grammar(Json::object({{"const", value}}));
  }));
}

TEST(GrammarLimits, References) {
  EXPECT_TRUE(refused([] { schema_of(R"({"$ref": "#"})"); }));
  EXPECT_TRUE(refused([] {
    schema_of(
        R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}})");
  }));
  // 2^40 ways that are all the same one.
  Json definitions = Json::object({{"d0", Json::object({{"type", "null"}})}});
  for (int i = 1; i <= 40; ++i) {
    const Json below = Json::object({{"$ref", "#/$defs/d" + std::to_string(i - 1)}});
    definitions.set("d" + std::to_string(i),
                    Json::object({{"anyOf", Json::array({below, below})}}));
  }
  EXPECT_FALSE(refused([&] {
    schema_grammar(Json::object({{"$ref", "#/$defs/d40"}, {"$defs", definitions}}));
  }));
}

TEST(GrammarLimits, ManyAlternatives) {
  Json all = Json(Json::Array{});
  for (int i = 0; i < 12; ++i)
    all.push_back(Json::object({{"anyOf", Json::array({Json::object({{"minLength", i}}),
                                                       Json::object({{"maxLength", 100 + i}})})}}));
  EXPECT_TRUE(refused([&] { schema_grammar(Json::object({{"allOf", all}})); }));
  // Each pattern alone is small, all at once are not.
  Json patterns = Json(Json::Array{});
  for (int i = 5; i < 40; i += 2)
    patterns.push_back(Json::object({{"pattern", "^(a{" + std::to_string(i) + "})*$"}}));
  EXPECT_TRUE(refused([&] {
    schema_grammar(Json::object({{"type", "string"}, {"allOf", patterns}}));
  }));
}

TEST(GrammarLimits, LongArraysOfManyAlternatives) {
  Json ways = Json(Json::Array{}), none = Json(Json::Array{}), values = Json(Json::Array{});
  for (int i = 0; i < 900; ++i) {
    ways.push_back(Json::object({{"type", "array"}, {"minItems", i}, {"items", true}}));
    none.push_back(Json::object({{"type", "array"}, {"enum", Json::array({i})}}));
  }
  for (int i = 0; i < 9000; ++i) values.push_back(i);
  for (const Json& items : {Json::object({{"anyOf", ways}}), Json::object({{"anyOf", none}})})
    EXPECT_TRUE(refused([&] {
      schema_grammar(Json::object({{"type", "array"}, {"items", items}, {"maxItems", 1999}}));
    }));
  Json properties = Json::object();
  for (int i = 0; i < 1000; ++i)
    properties.set("p" + std::to_string(i),
                   Json::object({{"allOf", Json::array({Json::object({{"$ref", "#/$defs/v"}}),
                                                        Json::object({{"minLength", i}})})}}));
  EXPECT_TRUE(refused([&] {
    schema_grammar(
        Json::object({{"properties", properties},
                      {"$defs", Json::object({{"v", Json::object({{"enum", values}})}})}}));
  }));
}

TEST(GrammarLimits, LargeButPossible) {
  EXPECT_FALSE(refused([] { schema_of(R"({"type": "string", "maxLength": 1000})"); }));
  EXPECT_FALSE(refused(
      [] { schema_of(R"({"type": "array", "items": {"type": "integer"}, "maxItems": 200})"); }));
  Json properties = Json::object();
  for (int i = 0; i < 200; ++i)
    properties.set("property" + std::to_string(i), Json::object({{"type", "string"}}));
  EXPECT_FALSE(refused([&] {
    schema_grammar(Json::object({{"type", "object"}, {"properties", properties}}));
  }));
  Json values = Json(Json::Array{});
  for (int i = 0; i < 5000; ++i) values.push_back("value " + std::to_string(i));
  EXPECT_FALSE(refused([&] { schema_grammar(Json::object({{"enum", values}})); }));
}

}  // namespace
}  // namespace stemma::grammar
