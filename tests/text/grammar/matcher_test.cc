// Masks against brute force: over random schemas whose words can all be listed, over nested lists,
// and by walks through real vocabularies.
#include "text/grammar/matcher.h"

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/text/grammar/support.h"
#include "tests/text/grammar/validator.h"
#include "tests/text/support.h"

namespace stemma::grammar {
namespace {

using Words = std::vector<std::string>;

// A random schema with all of its texts, written down without the code under test.
class SmallSchemas {
 public:
  struct Made {
    Json schema;
    Words words;
  };
  explicit SmallSchemas(unsigned seed) : random_(seed) {}

  Made next() {
    definitions_ = Json::object();
    Made made = make(3);
    if (!definitions_.as_object().empty()) {
      if (!made.schema.is_object()) made.schema = Json::object();
      made.schema.set("$defs", definitions_);
    }
    std::ranges::sort(made.words);
    made.words.erase(std::unique(made.words.begin(), made.words.end()), made.words.end());
    return made;
  }

 private:
  static constexpr std::size_t kMostWords = 4000;

  std::size_t below(std::size_t n) { return random_() % n; }

  Made make(int depth) {
    switch (below(depth == 0 ? 5 : 9)) {
      case 0:
        return {Json::object({{"type", "null"}}), {"null"}};
      case 1:
        return {Json::object({{"type", "boolean"}}), {"true", "false"}};
      case 2:
        return {Json::object({{"enum", Json::array({"a", 1, "a\"}", "ab"})}}),
                {"\"a\"", "1", "\"a\\\"}\"", "\"ab\""}};
      case 3:
        return integers();
      case 4:
        return {Json::object({{"type", "string"}, {"pattern", "^\\{?b{0,2}$"}}),
                {"\"\"", "\"{\"", "\"b\"", "\"{b\"", "\"bb\"", "\"{bb\""}};
      case 5:
        return array(depth);
      case 6:
        return any(depth);
      case 7:
        return reference(depth);
      default:
        return object(depth);
    }
  }

  Made integers() {
    const int low = static_cast<int>(below(30)) - 15, high = low + static_cast<int>(below(25));
    Words words;
    for (int i = low; i <= high; ++i) words.push_back(std::to_string(i));
    return {Json::object({{"type", "integer"}, {"minimum", low}, {"maximum", high}}), words};
  }

  static Words joined(const Words& before, const Words& separators, const Words& behind) {
    Words all;
    for (const auto& a : before)
      for (const auto& s : separators)
        for (const auto& b : behind) all.push_back(a + s + b);
    return all;
  }

  Made array(int depth) {
    const Made item = make(depth - 1);
    const std::size_t least = below(2), most = least + below(2);
    Words all, open = {"["};
    for (std::size_t i = 0; i <= most; ++i) {
      if (i >= least) std::ranges::copy(joined(open, {""}, {"]"}), std::back_inserter(all));
      if (i < most) open = joined(open, i == 0 ? Words{""} : Words{",", ", "}, item.words);
      if (open.size() > kMostWords) return make(0);
    }
    return {Json::object({{"type", "array"},
                          {"items", item.schema},
                          {"minItems", std::int64_t(least)},
                          {"maxItems", std::int64_t(most)}}),
            all};
  }

  Made object(int depth) {
    static const std::array<std::pair<const char*, const char*>, 4> kNames = {
        {{"a", "\"a\""}, {"ab", "\"ab\""}, {"\"", "\"\\\"\""}, {"", "\"\""}}};
    Json properties = Json::object(), required = Json(Json::Array{});
    Words none = {"{"}, some;
    const std::size_t first = below(2), last = first + below(3);
    for (std::size_t i = first; i < last; ++i) {
      const Made value = make(depth - 1);
      properties.set(kNames[i].first, value.schema);
      const Words member = joined({kNames[i].second}, {":", ": "}, value.words);
      Words with = joined(none, {""}, member);
      std::ranges::copy(joined(some, {",", ", "}, member), std::back_inserter(with));
      if (below(2) == 0) {
        required.push_back(kNames[i].first);
        none.clear();
        some = with;
      } else {
        some.insert(some.end(), with.begin(), with.end());
      }
      if (some.size() > kMostWords) return make(0);
    }
    Words all = joined(none, {""}, {"}"});
    std::ranges::copy(joined(some, {""}, {"}"}), std::back_inserter(all));
    return {Json::object({{"type", "object"},
                          {"properties", properties},
                          {"required", required},
                          {"additionalProperties", false}}),
            all};
  }

  Made any(int depth) {
    Made a = make(depth - 1);
    const Made b = make(depth - 1);
    a.words.insert(a.words.end(), b.words.begin(), b.words.end());
    return {Json::object({{below(2) == 0 ? "anyOf" : "oneOf", Json::array({a.schema, b.schema})}}),
            a.words};
  }

  Made reference(int depth) {
    Made made = make(depth - 1);
    const std::string name = "d" + std::to_string(definitions_.as_object().size());
    definitions_.set(name, made.schema);
    made.schema = Json::object({{"$ref", "#/$defs/" + name}});
    return made;
  }

  std::mt19937 random_;
  Json definitions_;
};

bool begins_a_word(const Words& sorted, const std::string& prefix) {
  const auto at = std::ranges::lower_bound(sorted, prefix);
  return at != sorted.end() && at->starts_with(prefix);
}

// Every byte that the words have, and stretches of them, across all their parts.
Words tokens_for(const Words& words, std::mt19937& random) {
  std::set<std::string> tokens = {"x", "}]", "{\"", "\",", "]]]", "}}", ", ", ": "};
  for (const std::string& word : words)
    for (const char c : word) tokens.insert(std::string(1, c));
  for (int i = 0; i < 40; ++i) {
    const std::string& word = words[random() % words.size()];
    const std::size_t at = random() % word.size();
    tokens.insert(word.substr(at, 1 + random() % 8));
  }
  return {tokens.begin(), tokens.end()};
}

TEST(GrammarMatcher, MasksAgreeWithAllWords) {
  SmallSchemas schemas(11);
  std::mt19937 random(5);
  std::size_t masks_compared = 0;
  for (int i = 0; i < 400; ++i) {
    const auto made = schemas.next();
    SCOPED_TRACE(made.schema.dump());
    const Words tokens = tokens_for(made.words, random);
    const auto table = tokens_of(tokens);
    const auto end = static_cast<std::int32_t>(tokens.size());
    const auto masks = masks_of(schema_grammar(made.schema), table);
    for (int walk = 0; walk < 4; ++walk) {
      Matcher matcher(masks);
      for (std::string text;;) {
        std::set<std::int32_t> expected;
        std::vector<std::int32_t> next;
        for (std::size_t t = 0; t < tokens.size(); ++t)
          if (begins_a_word(made.words, text + tokens[t])) {
            next.push_back(static_cast<std::int32_t>(t));
            expected.insert(next.back());
          }
        if (std::ranges::binary_search(made.words, text)) expected.insert(end);
        ASSERT_EQ(allowed_ids(matcher, *table), expected) << text;
        ++masks_compared;
        if (next.empty()) break;
        const std::int32_t id = next[random() % next.size()];
        ASSERT_TRUE(matcher.accept(id)) << text;
        text += tokens[static_cast<std::size_t>(id)];
      }
      EXPECT_TRUE(matcher.must_end());
      EXPECT_TRUE(matcher.accept(end));
      EXPECT_TRUE(allowed_ids(matcher, *table).empty());
    }
  }
  EXPECT_GT(masks_compared, 5000u);
}

// Whether a text begins some [[],[[]]], without an automaton: `after` is what stood last.
bool begins_a_list(const std::string& text) {
  int depth = 0;
  char last = ' ';  // ' ' at the beginning; 's' a blank behind a comma
  for (const char c : text) {
    if (last != ' ' && depth == 0) return false;
    if (c == '[' ? last == ']' : c == ']' ? last == ',' || last == 's' || depth == 0 : false)
      return false;
    if (c == ',' && last != ']') return false;
    if (c == ' ' && last != ',') return false;
    if (c != '[' && c != ']' && c != ',' && c != ' ') return false;
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    last = c == ' ' ? 's' : c;
  }
  return true;
}

TEST(GrammarMatcher, NestedListsAgreeWithCounting) {
  const Words tokens = {"[",    "]",   ",",   " ",   "[[",     "]]",       "],[",
                        "]],",  ", [", "[],", "]]]", "[]",     "]]]]",     "],",
                        "],[[", " [",  "[[[", "a",   "]]]],[", "],[],[]]]"};
  const auto table = tokens_of(tokens);
  const auto masks = masks_of(
      schema_of(
          R"({"$defs":{"l":{"type":"array","items":{"$ref":"#/$defs/l"}}},"$ref":"#/$defs/l"})"),
      table);
  std::mt19937 random(3);
  for (int walk = 0; walk < 200; ++walk) {
    Matcher matcher(masks);
    std::string text;
    for (int step = 0; step < 40; ++step) {
      std::vector<std::int32_t> expected;
      for (std::size_t t = 0; t < tokens.size(); ++t)
        if (begins_a_list(text + tokens[t])) expected.push_back(static_cast<std::int32_t>(t));
      const auto found = allowed_ids(matcher, *table);
      std::vector<std::int32_t> without_end(found.begin(), found.end());
      std::erase(without_end, static_cast<std::int32_t>(tokens.size()));
      ASSERT_EQ(without_end, expected) << text;
      if (expected.empty()) break;
      const std::int32_t id = expected[random() % expected.size()];
      ASSERT_TRUE(matcher.accept(id));
      text += tokens[static_cast<std::size_t>(id)];
    }
  }
}

TEST(GrammarMatcher, HalfCharactersAndInvalidBytes) {
  const auto table =
      tokens_of({"\"", "\xF0\x9F", "\x98\x80", "\xC3", "\xA9", "\xFF", "\xC0", "\xED\xA0",
                 "\xC3\xA9\xC3", "a", "\xF0\x9F\x98\x80\"", "\n", "\\", "u", "D83D", "DE00"});
  Matcher matcher(masks_of(schema_of(R"({"type": "string", "maxLength": 3})"), table));
  using Ids = std::set<std::int32_t>;
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{0}));
  ASSERT_TRUE(matcher.accept(0));
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{0, 1, 3, 8, 9, 10, 12, 13}));
  ASSERT_TRUE(matcher.accept(1));
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{2, 4}));  // 4 is a third byte
  ASSERT_TRUE(matcher.accept(2));
  ASSERT_TRUE(matcher.accept(8));  // é and the half of another
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{4}));
  ASSERT_TRUE(matcher.accept(4));
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{0}));
  EXPECT_FALSE(matcher.accept(9));
  ASSERT_TRUE(matcher.accept(0));
  EXPECT_TRUE(matcher.must_end());
}

TEST(GrammarMatcher, SurrogatePairsAreWhole) {
  const auto table = tokens_of({"\"", "\\uD83D", "\\uDE00", "\\u00", "e9", "\\", "u", "\\uD83D\\"});
  Matcher matcher(masks_of(schema_of(R"({"type": "string"})"), table));
  using Ids = std::set<std::int32_t>;
  ASSERT_TRUE(matcher.accept(0));
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{0, 1, 3, 4, 5, 6, 7}));
  ASSERT_TRUE(matcher.accept(1));
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{2, 5}));
  ASSERT_TRUE(matcher.accept(5));
  EXPECT_EQ(allowed_ids(matcher, *table), (Ids{6}));
}

TEST(GrammarMatcher, EndTokensForcedTextAndCopies) {
  const Words choices = {"yes, please", "yes, thanks", "no", "no"};
  const Words bytes = {"yes", "no", ", ", "please", "thanks", "", "<end>", "<stop>"};
  const std::vector<std::int32_t> ends = {6, 7};
  const auto table = std::make_shared<const TokenTable>(bytes, ends);
  const Matcher start(masks_of(choice_grammar(choices), table));
  using Ids = std::set<std::int32_t>;
  EXPECT_EQ(allowed_ids(start, *table), (Ids{0, 1}));
  Matcher no = start, yes = start;
  ASSERT_TRUE(no.accept(1));
  EXPECT_EQ(allowed_ids(no, *table), (Ids{6, 7}));
  EXPECT_TRUE(no.must_end());
  EXPECT_FALSE(no.accept(0));
  EXPECT_FALSE(no.accept(5));
  EXPECT_FALSE(no.accept(99));
  EXPECT_FALSE(no.accept(-1));
  ASSERT_TRUE(no.accept(7));
  EXPECT_TRUE(no.has_ended());
  EXPECT_FALSE(no.accept(7));
  EXPECT_EQ(start.forced(), "");
  ASSERT_TRUE(yes.accept_text("y"));
  EXPECT_EQ(yes.forced(), "es, ");
  EXPECT_FALSE(yes.accept(6));
  ASSERT_TRUE(yes.accept_text(yes.forced() + "t"));
  EXPECT_EQ(yes.forced(), "hanks");
  std::vector<std::uint32_t> none;
  EXPECT_ERROR(yes.allowed(none), ErrorCode::invalid_argument, "a mask must have 1 words");
  EXPECT_ERROR(choice_grammar({}), ErrorCode::invalid_argument, "1 to 10000");
  const Words empty = {""};
  EXPECT_ERROR(choice_grammar(empty), ErrorCode::invalid_argument, "not empty");
  EXPECT_ERROR(TokenTable(bytes, std::vector<std::int32_t>{8}), ErrorCode::invalid_argument,
               "below 8");
}

TEST(GrammarMatcher, LongTokensAndMasksThatAreNotKept) {
  const std::string blanks(200, ' '), text(300, 'a');
  const auto table = tokens_of({"\"", blanks, text, text + "\"]", "a", "[", "]", "\"]"});
  const auto grammar =
      schema_of(R"({"type": "array", "items": {"type": "string", "minLength": 301}})");
  for (const std::size_t limit : {MaskCache::kLimitBytes, std::size_t{0}}) {
    const auto masks = std::make_shared<const MaskCache>(grammar, table, limit);
    Matcher matcher(masks);
    ASSERT_TRUE(matcher.accept(5) && matcher.accept(0));
    EXPECT_EQ(allowed_ids(matcher, *table), (std::set<std::int32_t>{1, 2, 4, 5, 6}));
    ASSERT_TRUE(matcher.accept(4));
    EXPECT_EQ(allowed_ids(matcher, *table), (std::set<std::int32_t>{1, 2, 3, 4, 5, 6}));
    ASSERT_TRUE(matcher.accept(3));
    EXPECT_EQ(allowed_ids(matcher, *table), (std::set<std::int32_t>{8}));
    EXPECT_EQ(masks->bytes() == 0, limit == 0);
  }
}

std::shared_ptr<const TokenTable> real_tokens(const char* name) {
  const auto tokenizer = open_tokenizer(name);
  const std::vector<std::int32_t> ends = {*tokenizer->end_of_text()};
  return std::make_shared<const TokenTable>(*tokenizer, ends);
}

// A walk by random allowed tokens, with a leaning towards those that close something.
std::string random_answer(const std::shared_ptr<const MaskCache>& masks, std::mt19937& random) {
  const TokenTable& tokens = masks->tokens();
  Matcher matcher(masks);
  std::string text;
  std::vector<std::uint32_t> bits(tokens.mask_words());
  for (int step = 0; step < 4000; ++step) {
    matcher.allowed(bits);
    std::vector<std::int32_t> all, closing;
    for (std::int32_t id = 0; id < tokens.size(); ++id) {
      if ((bits[static_cast<std::size_t>(id) / 32] >> id % 32 & 1) == 0) continue;
      all.push_back(id);
      if (tokens.is_end(id) || tokens.bytes(id).find_first_of("\"}]") != std::string::npos)
        closing.push_back(id);
    }
    EXPECT_FALSE(all.empty()) << text;
    if (all.empty()) return text;
    const auto& from = closing.empty() || random() % 3 == 0 ? all : closing;
    const std::int32_t id = from[random() % from.size()];
    EXPECT_TRUE(matcher.accept(id));
    if (matcher.has_ended()) return text;
    text += tokens.bytes(id);
  }
  return "";
}

const std::vector<std::string>& schemas_for_walks() {
  static const std::vector<std::string> kSchemas = {
      R"({"type": "object"})",
      R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
          "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 4}, "score": {"type": "number"},
          "kind": {"enum": ["a", "b\"c"]}}, "required": ["name", "kind"], "additionalProperties": false})",
      R"({"type": "object", "properties": {"value": {"type": "number", "minimum": -3.5, "exclusiveMaximum": 10},
          "children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2}}, "required": ["value", "children"]})",
      R"({"anyOf": [{"type": "object", "properties": {"k": {"const": "x"}, "v": {"type": "integer"}}, "required": ["k", "v"]},
          {"type": "object", "properties": {"k": {"const": "y"}, "w": {"type": ["string", "null"]}}, "required": ["k"],
           "additionalProperties": {"type": "boolean"}}]})"};
  return kSchemas;
}

TEST(GrammarMatcher, RandomWalksAreValid) {
  std::mt19937 random(17);
  for (const char* name : {"gpt2", "o200k_base"}) {
    const auto tokens = real_tokens(name);
    for (const std::string& text : schemas_for_walks()) {
      const Json schema = parsed(text);
      const auto masks = masks_of(schema_grammar(schema), tokens);
      for (int i = 0; i < (name == std::string("gpt2") ? 10 : 2); ++i) {
        const std::string answer = random_answer(masks, random);
        if (answer.empty()) continue;  // too long
        try {
          const Json value = Json::parse(answer, "answer");
          EXPECT_TRUE(is_valid(schema, schema, value)) << text << "\n" << answer;
        } catch (const Error& error) {  // what base/json.h refuses, but JSON does not
          const std::string what = error.what();
          EXPECT_TRUE(what.find("comes twice") != what.npos || what.find("nested") != what.npos)
              << answer << "\n"
              << what;
        }
      }
    }
  }
}

// A mask is what each token alone, looked at byte by byte, says.
TEST(GrammarMatcher, MasksAgreeWithSingleTokens) {
  std::mt19937 random(23);
  const auto tokens = real_tokens("gpt2");
  for (const std::string& text : schemas_for_walks()) {
    const auto masks = masks_of(schema_of(text), tokens);
    Matcher matcher(masks);
    for (int step = 0; step < 12 && !matcher.must_end(); ++step) {
      const auto allowed = allowed_ids(matcher, *tokens);
      std::vector<std::int32_t> next;
      for (std::int32_t id = 0; id < tokens->size(); ++id) {
        Matcher copy = matcher;
        const bool taken = copy.accept(id);
        ASSERT_EQ(taken, allowed.contains(id)) << tokens->bytes(id);
        if (taken && !tokens->is_end(id)) next.push_back(id);
      }
      ASSERT_TRUE(matcher.accept(next[random() % next.size()]));
    }
  }
}

TEST(GrammarThreads, ShareMasks) {
  const auto tokens =
      tokens_of({"{", "}", "\"", "a", ":", ",", "1", "{\"", "\":", "\"}", "},", "[", "]", " "});
  for (int round = 0; round < 20; ++round) {
    const auto masks = masks_of(json_grammar(), tokens);
    std::vector<std::thread> threads;
    std::array<std::string, 4> met;
    for (std::size_t t = 0; t < met.size(); ++t)
      threads.emplace_back([&, t] {
        Matcher matcher(masks);
        for (const std::int32_t id : {7, 3, 8, 0, 2, 3, 2, 4, 6, 10, 2, 3, 2, 4, 6, 1}) {
          for (const std::int32_t one : allowed_ids(matcher, *tokens))
            met[t] += std::to_string(one) + " ";
          met[t] += matcher.accept(id) ? "y\n" : "n\n";
        }
      });
    for (std::thread& thread : threads) thread.join();
    for (const std::string& one : met) EXPECT_EQ(one, met[0]);
    EXPECT_EQ(met[0].find('n'), std::string::npos) << met[0];
  }
}

}  // namespace
}  // namespace stemma::grammar
