#include "text/grammar/regex/regex.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/text/grammar/support.h"
#include "text/grammar/automaton/finite.h"

namespace stemma::grammar {
namespace {

struct Row {
  std::string pattern;
  std::vector<std::string> words, others;
};

TEST(GrammarRegex, Dialect) {
  const std::vector<Row> rows = {
      {"abc", {"abc"}, {"", "ab", "abcd"}},
      {"", {""}, {"a"}},
      {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
      {"(a|b)*c", {"c", "abbac"}, {"ab", "cc"}},
      {"(?:ab)+?", {"ab", "abab"}, {"", "aba"}},
      {"(?<x>a)(?P<y>b)?", {"a", "ab"}, {"b"}},
      {"a{2}", {"aa"}, {"a", "aaa"}},
      {"a{2,}", {"aa", "aaaa"}, {"a"}},
      {"a{0,2}b", {"b", "ab", "aab"}, {"aaab"}},
      {"a{,b", {"a{,b"}, {"ab"}},
      {"{x}", {"{x}"}, {"x"}},
      {"[a-c]", {"a", "b", "c"}, {"d", ""}},
      {"[^a-c]", {"d", "é", "\n"}, {"a"}},
      {"[-a\\]\\\\]+", {"-a]\\"}, {"b"}},
      {"[\\d\\-x]+", {"0-x"}, {"y"}},
      {"\\d+\\.\\d", {"12.5"}, {"12x5", "\xD9\xA1.1"}},
      {"\\w\\W", {"_ ", "a\xC3\xA9"}, {"ab", "\xC3\xA9 "}},
      {"\\s\\S",
       {"\ta",
        "\xE3\x80\x80"
        "a"},
       {"aa"}},
      {"a.c",
       {"abc", "a😀c"},
       {"a\nc", "a\rc",
        "a\xE2\x80\xA8"
        "c"}},
      {"\\x41\\u00e9\\u{1F600}\\uD83D\\uDE00", {"Aé😀😀"}, {"A"}},
      {"\\t\\n\\r\\f\\v\\0", {std::string("\t\n\r\f\v\0", 6)}, {"t"}},
      {"\\p{L}+\\p{N}", {"añ日1", "x\xC2\xBD"}, {"1a"}},
      {"\\P{L}", {"1", " "}, {"a"}},
      {"^a$", {"a"}, {"ba", "ab"}},
      {"^a|b$", {"a", "b"}, {"ab"}},
      {"(^a|b)c", {"ac", "bc"}, {"c"}},
      {"x^a", {}, {"xa", "a"}},
      {"[é-ü]{2}", {"éü"}, {"é", "ez"}},
      {"[\\u{0}-\\u{10FFFF}]",
       {"a", "\x7F", "\xC2\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"},
       {"\xED\xA0\x80", "\xC0\x80", "\xF4\x90\x80\x80", "\x80", "\xE0\x80\x80"}},
  };
  for (const Row& row : rows) {
    const Pushdown automaton = compile_regex(row.pattern, {});
    for (const std::string& word : row.words)
      EXPECT_TRUE(is_word(automaton, word)) << row.pattern << " " << word;
    for (const std::string& word : row.others)
      EXPECT_FALSE(is_word(automaton, word)) << row.pattern << " " << word;
  }
}

TEST(GrammarRegex, Refuses) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"(?=a)", "look-around"},
      {"(?!a)b", "look-around"},
      {"(?<=a)b", "look-around"},
      {"(?<!a)b", "look-around"},
      {"(a)\\1", "back-references"},
      {"(?P<x>a)(?P=x)", "back-references"},
      {"\\k<x>", "back-references"},
      {"a\\b", "word boundaries"},
      {"(?i)a", "no flags"},
      {"a++", "possessive"},
      {"a**", "nothing to repeat"},
      {"*a", "nothing to repeat"},
      {"a{2}{3}", "nothing to repeat"},
      {"^*", "cannot be repeated"},
      {"(a", "a ) is missing"},
      {"a)", "without its ("},
      {"[a", "ends too early"},
      {"[]", "empty class"},
      {"[b-a]", "reversed"},
      {"[\\d-z]", "range must go"},
      {"[[:alpha:]]", "[:names:]"},
      {"a{3,2}", "reversed"},
      {"a{0,1000000}", "at most 2000"},
      {"a{,3}", "two meanings"},
      {"\\q", "\\q is not known"},
      {"\\", "ends too early"},
      {"\\u12", "ends too early"},
      {"\\uD800", "surrogate"},
      {"\\p{Greek}", "Unicode properties"},
      {"\\01", "octal"},
      {"\xFF", "must be UTF-8"},
      {"a^", "match some text"},
      {"[^\\s\\S]", "match some text"}};
  for (const auto& [pattern, message] : rows)
    EXPECT_ERROR(regex_grammar(pattern), ErrorCode::invalid_argument, message);
}

// Regular expressions by derivatives (Brzozowski 1964): no automaton, and a language is empty
// exactly where the derivative is `none`.
struct Expression {
  enum Kind { none, empty, letter, both, either, any } kind = none;
  char c = 0;
  std::shared_ptr<const Expression> left = nullptr, right = nullptr;
};
using Tree = std::shared_ptr<const Expression>;

Tree node(Expression::Kind kind, Tree left = nullptr, Tree right = nullptr, char c = 0) {
  using E = Expression;
  if (kind == E::both && (left->kind == E::none || right->kind == E::empty)) return left;
  if (kind == E::both && (right->kind == E::none || left->kind == E::empty)) return right;
  if (kind == E::either && left->kind == E::none) return right;
  if (kind == E::either && right->kind == E::none) return left;
  return std::make_shared<E>(E{kind, c, std::move(left), std::move(right)});
}

bool nullable(const Tree& t) {
  if (t->kind == Expression::both) return nullable(t->left) && nullable(t->right);
  if (t->kind == Expression::either) return nullable(t->left) || nullable(t->right);
  return t->kind == Expression::empty || t->kind == Expression::any;
}

Tree derivative(const Tree& t, char c) {
  using E = Expression;
  if (t->kind == E::letter) return node(t->c == c ? E::empty : E::none);
  if (t->kind == E::either) return node(E::either, derivative(t->left, c), derivative(t->right, c));
  if (t->kind == E::any) return node(E::both, derivative(t->left, c), t);
  if (t->kind != E::both) return node(E::none);
  Tree first = node(E::both, derivative(t->left, c), t->right);
  return nullable(t->left) ? node(E::either, std::move(first), derivative(t->right, c)) : first;
}

Tree after(Tree t, const std::string& text) {
  for (const char c : text) t = derivative(t, c);
  return t;
}

struct RandomRegex {
  std::string text;
  Tree tree;
};

RandomRegex random_regex(std::mt19937& random, int depth) {
  using E = Expression;
  const auto letter = [](char c) { return node(E::letter, nullptr, nullptr, c); };
  const std::size_t kind = depth == 0 ? random() % 3 : random() % 8;
  if (kind < 2) return {kind == 0 ? "a" : "b", letter(kind == 0 ? 'a' : 'b')};
  if (kind == 2) return {"[ab]", node(E::either, letter('a'), letter('b'))};
  const RandomRegex x = random_regex(random, depth - 1), y = random_regex(random, depth - 1);
  const Tree empty = node(E::empty);
  switch (kind) {
    case 3:
      return {"(" + x.text + ")*", node(E::any, x.tree)};
    case 4:
      return {"(" + x.text + "|" + y.text + ")", node(E::either, x.tree, y.tree)};
    case 5:
      return {"(?:" + x.text + "){1,2}", node(E::both, x.tree, node(E::either, x.tree, empty))};
    case 6:
      return {"(" + x.text + ")?", node(E::either, x.tree, empty)};
    default:
      return {x.text + y.text, node(E::both, x.tree, y.tree)};
  }
}

TEST(GrammarRegex, MasksAgreeWithDerivatives) {
  std::mt19937 random(7);
  const std::vector<std::string> tokens = {"a", "b", "ab", "ba", "aab", "bb", "babab", "c", "ac"};
  const auto table = tokens_of(tokens);
  const auto end = static_cast<std::int32_t>(tokens.size());
  for (int i = 0; i < 600; ++i) {
    const RandomRegex regex = random_regex(random, 3);
    SCOPED_TRACE(regex.text);
    const auto masks = masks_of(regex_grammar(regex.text), table);
    Matcher matcher(masks);
    std::string text;
    for (int step = 0; step < 6; ++step) {
      const Tree rest = after(regex.tree, text);
      std::set<std::int32_t> expected;
      for (std::size_t t = 0; t < tokens.size(); ++t)
        if (after(rest, tokens[t])->kind != Expression::none)
          expected.insert(static_cast<std::int32_t>(t));
      EXPECT_EQ(matcher.must_end(), nullable(rest) && expected.empty()) << text;
      EXPECT_EQ(matcher.is_complete(), nullable(rest)) << text;
      if (nullable(rest)) expected.insert(end);
      ASSERT_EQ(allowed_ids(matcher, *table), expected) << text;
      if (expected.empty() || *expected.begin() == end) break;
      std::vector<std::int32_t> list(expected.begin(), expected.end());
      std::erase(list, end);
      const std::int32_t id = list[random() % list.size()];
      ASSERT_TRUE(matcher.accept(id));
      text += tokens[static_cast<std::size_t>(id)];
    }
  }
}

TEST(GrammarRegex, SearchAndSpelling) {
  const RegexOptions json = {.match = Match::search, .spelling = Spelling::json};
  const Pushdown quote = compile_regex("\"", json);
  EXPECT_TRUE(is_word(quote, "a\\\"b\\n"));
  EXPECT_FALSE(is_word(quote, "a\"b"));
  EXPECT_FALSE(is_word(quote, "ab"));
  const Pushdown control = compile_regex("^[\\u0000-\\u001f]$", json);
  for (const char* word : {"\\n", "\\u0000", "\\u001f", "\\u001F", "\\u000b", "\\b"})
    EXPECT_TRUE(is_word(control, word)) << word;
  for (const char* word : {"\n", "\\u0020", "\\u000a", "\\/", "\\x"})
    EXPECT_FALSE(is_word(control, word)) << word;
}

TEST(GrammarRegex, SetsOfWords) {
  const Pushdown a = compile_regex("(?:ab)*", {}), b = compile_regex("(?:aba|b)*", {});
  const Pushdown both = intersection(a, b, "test"), only_a = difference(a, b, "test");
  for (const char* word : {"", "ab", "abab", "ababab", "abababab"}) {
    EXPECT_TRUE(is_word(a, word));
    EXPECT_EQ(is_word(both, word), is_word(b, word)) << word;
    EXPECT_NE(is_word(only_a, word), is_word(b, word)) << word;
  }
  EXPECT_TRUE(is_empty(intersection(a, compile_regex("b", {}), "test")));
  // The least automaton of "an even number of a" has two states, and one that refuses.
  EXPECT_EQ(compile_regex("(?:aa|aaaa)*", {}).states(), 3u);
}

}  // namespace
}  // namespace stemma::grammar
