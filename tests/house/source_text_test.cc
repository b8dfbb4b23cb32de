#include "tests/house/source_text.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

namespace house {
namespace {

// The end of the literal that begins at `begin` with a quote: one past its last character.
std::size_t end_of_literal(std::string_view text, std::size_t begin) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == text[begin] || text[i] == '\n')
      return i + 1;
  }
  return text.size();
}

std::size_t end_of_raw_literal(std::string_view text, std::size_t quote) {
  const std::size_t open = text.find('(', quote);
  if (open == text.npos) return text.size();
  const std::string close = ")" + std::string(text.substr(quote + 1, open - quote - 1)) + "\"";
  const std::size_t end = text.find(close, open);
  return end == text.npos ? text.size() : end + close.size();
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

std::filesystem::path repository() { return STEMMA_SOURCE_DIR; }

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool is_inline_source(std::string_view path) { return path.ends_with("-inl.h"); }
bool is_header(std::string_view path) { return path.ends_with(".h") && !is_inline_source(path); }
bool is_code(std::string_view path) { return path.ends_with(".h") || path.ends_with(".cc"); }

std::string blank_comments_and_literals(std::string_view text) {
  std::string code(text);
  const auto blank = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end && i < code.size(); ++i)
      if (code[i] != '\n') code[i] = ' ';
  };
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (text.substr(i).starts_with("//")) {
      end = std::min(text.find('\n', i), text.size());
      blank(i, end);
    } else if (text.substr(i).starts_with("/*")) {
      const std::size_t close = text.find("*/", i + 2);
      end = close == text.npos ? text.size() : close + 2;
      blank(i, end);
    } else if (text[i] == '"') {
      const bool raw = i > 0 && text[i - 1] == 'R' && (i == 1 || !is_word(text[i - 2]));
      end = raw ? end_of_raw_literal(text, i) : end_of_literal(text, i);
      blank(i + 1, end - 1);
    } else if (text[i] == '\'' && (i == 0 || !is_word(text[i - 1]))) {  // else 1'000
      end = end_of_literal(text, i);
      blank(i + 1, end - 1);
    }
    i = end;
  }
  return code;
}

std::vector<SourceFile> files_under(std::string_view folder) {
  std::vector<SourceFile> files;
  const std::filesystem::path root = repository() / folder;
  if (!std::filesystem::exists(root)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    SourceFile file;
    file.path = entry.path().lexically_relative(repository()).generic_string();
    file.text = read_text(entry.path());
    if (is_code(file.path)) file.code = blank_comments_and_literals(file.text);
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

TEST(SourceText, BlanksCommentsAndLiterals) {
  EXPECT_EQ(blank_comments_and_literals("a // {\nb"), "a     \nb");
  EXPECT_EQ(blank_comments_and_literals("a /* {\n */ b"), "a     \n    b");
  EXPECT_EQ(blank_comments_and_literals("f(\"{\\\"\", '{')"), "f(\"   \", ' ')");
  EXPECT_EQ(blank_comments_and_literals("1'000 {"), "1'000 {");
  EXPECT_EQ(blank_comments_and_literals("R\"x({\"})x\" {"), "R\"       \" {");
}

TEST(SourceText, FindsTheSources) {
  const std::vector<SourceFile> files = files_under("src");
  EXPECT_GT(files.size(), 50u);
  EXPECT_TRUE(std::any_of(files.begin(), files.end(),
                          [](const SourceFile& f) { return f.path == "src/base/json.cc"; }));
}

}  // namespace house
