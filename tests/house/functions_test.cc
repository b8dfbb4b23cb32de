#include "tests/house/functions.h"

#include <algorithm>
#include <cctype>
#include <regex>

#include <gtest/gtest.h>

#include "tests/house/source_text.h"

namespace house {
namespace {

// Takes away what has parentheses before the parameters: attributes, alignas, decltype, the line of
// a preprocessor directive.
std::string clean_head(std::string head) {
  static const std::regex directive(R"((^|\n)\s*#[^\n]*)");
  static const std::regex attribute(
      R"((__attribute__|alignas|decltype|noexcept|requires)\s*\(([^()]|\(([^()]|\([^()]*\))*\))*\))");
  static const std::regex call_operator(R"(operator\s*\(\s*\))");
  head = std::regex_replace(head, directive, "");
  head = std::regex_replace(head, attribute, "");
  return std::regex_replace(head, call_operator, "operator_call");
}

bool opens_function(const std::string& head) {
  static const std::regex scope(R"(\b(namespace|extern)\b)");
  const std::size_t open = head.find('(');
  if (open == head.npos || std::regex_search(head, scope)) return false;
  return head.substr(0, open).find('=') == head.npos || head.find("operator") != head.npos;
}

int count_parameters(std::string_view head) {
  const std::size_t open = head.find('(');
  int depth = 0, commas = 0;
  bool any = false;
  for (std::size_t i = open; i < head.size(); ++i) {
    const char c = head[i];
    if (c == ')' && depth == 1) break;
    if (c == '(' || c == '<' || c == '{' || c == '[') ++depth;
    if (c == ')' || (c == '>' && head[i - 1] != '-') || c == '}' || c == ']') --depth;
    if (c == ',' && depth == 1) ++commas;
    if (i > open && std::isspace(static_cast<unsigned char>(c)) == 0) any = true;
  }
  return any ? commas + 1 : 0;
}

std::string name_before_parenthesis(const std::string& head) {
  static const std::regex name(R"(([~\w]+)\s*$)");
  const std::string before = head.substr(0, head.find('('));
  std::smatch match;
  return std::regex_search(before, match, name) ? match[1].str() : "?";
}

}  // namespace

std::vector<Function> find_functions(std::string_view code) {
  std::vector<Function> functions;
  int line = 1, depth = 0, head_line = 1;
  int function_depth = -1;                 // depth of the brace that opened the present function
  int parentheses = 0, braces_inside = 0;  // that are open in a head: a default argument `= {}`
  Function present;
  std::string head;
  for (const char c : code) {
    if (c == '\n') ++line;
    if (function_depth < 0) {
      if (c == '(') ++parentheses;
      if (c == ')') --parentheses;
      if (c == ';' && braces_inside == 0) parentheses = 0;
      if (parentheses > 0 && (c == '{' || c == '}')) braces_inside += c == '{' ? 1 : -1;
      if (braces_inside > 0 || (parentheses > 0 && c == '}')) {
        head += c;
        continue;
      }
    }
    if (c == '{') {
      const std::string cleaned = clean_head(head);
      if (function_depth < 0 && opens_function(cleaned)) {
        function_depth = depth;
        present = {name_before_parenthesis(cleaned), head_line, 0, count_parameters(cleaned)};
      }
      ++depth;
    }
    if (c == '}') {
      --depth;
      if (depth == function_depth) {
        present.lines = line - present.first_line + 1;
        functions.push_back(present);
        function_depth = -1;
      }
    }
    if (c == '{' || c == '}' || c == ';') {
      head.clear();
    } else {
      if (head.empty() && std::isspace(static_cast<unsigned char>(c)) != 0) continue;
      if (head.empty()) head_line = line;
      head += c;
    }
  }
  return functions;
}

TEST(Functions, AreFoundAndMeasured) {
  const std::vector<Function> found = find_functions(
      "#include <x>\n"
      "namespace a {\n"
      "struct S : B {\n"
      "  S(int x, std::map<int, int> y) : x_{x}, y_(y) {}\n"
      "  int operator()(int) const { return 1; }\n"
      "};\n"
      "int table[] = {f(1), 2};\n"
      "__attribute__((target(\"avx2\"))) void long_one(int a,\n"
      "                                   int b = g(1, 2)) {\n"
      "  if (a) { b = 1; }\n"
      "  auto l = [](int, int, int) { return 2; };\n"
      "}\n"
      "struct stat status() {}\n"
      "void with_default(int a, O options = {}) {\n"
      "  b();\n"
      "}\n"
      "}\n");
  ASSERT_GE(found.size(), 4u);
  const auto named = [&](std::string_view name) {
    const auto it =
        std::find_if(found.begin(), found.end(), [&](const Function& f) { return f.name == name; });
    return it == found.end() ? Function{"missing", 0, 0, 0} : *it;
  };
  EXPECT_EQ(named("S").parameters, 2);
  EXPECT_EQ(named("operator_call").lines, 1);
  EXPECT_EQ(named("long_one").lines, 5);
  EXPECT_EQ(named("long_one").parameters, 2);
  EXPECT_EQ(named("status").parameters, 0);
  EXPECT_EQ(named("with_default").lines, 3);
  EXPECT_EQ(named("with_default").parameters, 2);
  EXPECT_EQ(named("g").name, "missing");
  EXPECT_EQ(named("f").name, "missing");
}

TEST(Functions, AreFoundInTheRealSources) {
  const std::vector<Function> found =
      find_functions(blank_comments_and_literals(read_text(repository() / "src/base/json.cc")));
  EXPECT_GT(found.size(), 30u);
}

}  // namespace house
