// docs/tour.md leads from the commands to the matrix product. Every name in backticks that looks
// like code must exist in src/, every one that looks like a path in the repository; and no list of
// hops is longer than nine.
//
//   1. `train_main()` in `cli/train/train.cc` reads the recipe and calls `Trainer::run()`.
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "tests/house/source_text.h"

namespace house {
namespace {

constexpr int kMaxHops = 9;

std::vector<std::string> in_backticks(const std::string& text) {
  static const std::regex pattern("`([^`\n]+)`");
  std::vector<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    names.push_back((*it)[1]);
  return names;
}

// Blocks between ``` lines show commands and figures, not names.
std::string without_code_blocks(const std::string& text) {
  std::string result;
  bool inside = false;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("```"))
      inside = !inside;
    else if (!inside)
      result += line + "\n";
  }
  return result;
}

struct Names {
  std::set<std::string> words, called;  // identifiers in src/, and those before a parenthesis
};

Names names_in_sources() {
  static const std::regex pattern(R"((\w+)(\s*(<[^;{}()]*>)?\()?)");
  Names names;
  for (const SourceFile& file : files_under("src"))
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), pattern), end; it != end;
         ++it) {
      names.words.insert((*it)[1]);
      if ((*it)[2].matched) names.called.insert((*it)[1]);
    }
  return names;
}

bool path_exists(const std::string& path) {
  return std::filesystem::exists(repository() / path) ||
         std::filesystem::exists(repository() / "src" / path);
}

bool looks_like_path(const std::string& name) {
  static const std::regex path(R"([\w.-]+(/[\w.-]+)*/?)");
  static const std::regex source(R"(.*\.(h|cc|cu|md|cmake|toml))");
  if (!std::regex_match(name, path) || name.starts_with("..")) return false;
  return std::regex_match(name, source) ||
         (name.find('/') != name.npos && path_exists(name.substr(0, name.find('/'))));
}

TEST(Tour, EveryNameExists) {
  const std::filesystem::path tour = repository() / "docs/tour.md";
  ASSERT_TRUE(std::filesystem::exists(tour)) << "docs/tour.md is missing";
  const Names names = names_in_sources();
  // `a::B::call(x)` or `B::call()`: every part is a word, the last one is called.
  const std::regex call(R"(([A-Za-z_]\w*(::[A-Za-z_~]\w*)*)\(.*\))");
  const std::regex qualified(R"([A-Za-z_]\w*(::[A-Za-z_]\w*)+|[A-Z]\w*[a-z]\w*)");
  const std::regex word(R"(\w+)");
  int checked = 0;
  for (const std::string& name : in_backticks(without_code_blocks(read_text(tour)))) {
    std::smatch match;
    std::string scope;
    if (looks_like_path(name)) {
      ++checked;
      EXPECT_TRUE(path_exists(name)) << "docs/tour.md names the path " << name;
    } else if (std::regex_match(name, match, call)) {
      ++checked;
      scope = match[1];
      const std::string last = scope.substr(scope.rfind(':') + 1);
      EXPECT_TRUE(names.called.contains(last)) << "docs/tour.md names the function " << name;
    } else if (std::regex_match(name, qualified)) {
      ++checked;
      scope = name;
    }
    for (std::sregex_iterator it(scope.begin(), scope.end(), word), end; it != end; ++it)
      EXPECT_TRUE(names.words.contains(it->str())) << "docs/tour.md names " << name;
  }
  EXPECT_GE(checked, 10) << "docs/tour.md should name functions and paths in backticks";
}

TEST(Tour, NoListIsLongerThanNineHops) {
  const std::regex hop(R"(^(\d+)\. .*)");
  for (const std::string& line : lines_of(read_text(repository() / "docs/tour.md"))) {
    std::smatch match;
    if (!std::regex_match(line, match, hop)) continue;
    EXPECT_LE(std::stoi(match[1]), kMaxHops) << line;
  }
}

}  // namespace
}  // namespace house
