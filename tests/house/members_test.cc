// Members of the family have a file each in src/models/, rules for their files in
// src/checkpoint/import/ (listed in import_rules.cc) and encodings in src/text/; nobody else names
// one (models/family.h answers questions about them). Comments may, and so may the examples in the
// help of commands.
#include <algorithm>
#include <array>
#include <regex>

#include <gtest/gtest.h>

#include "tests/house/source_text.h"

namespace house {
namespace {

struct Allowed {
  std::string path, word;
};
// Words of others that look like a member's name.
const std::array<Allowed, 5>& allowed_words() {
  static const std::array<Allowed, 5> kWords = {{
      {"src/checkpoint/gguf_header.cc", "llama.cpp"},  // a program
      {"src/checkpoint/gguf_source.cc", "llama"},      // an architecture of GGUF files
      {"src/checkpoint/gguf_tokenizer.cc", "gpt2"},    // a kind of vocabulary in GGUF files
      {"src/cli/model/embed.cc", "sentence_bert_config.json"},
      {"src/infer/pooling.cc", "sentence_bert_config.json"},  // a file of sentence-transformers
  }};
  return kWords;
}

// The line up to its comment.
std::string without_comment(const std::string& line) {
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\')
      ++i;
    else if (line[i] == '"' && !(i > 0 && line[i - 1] == '\'' && line[i + 1] == '\''))
      quoted = !quoted;
    else if (!quoted && line.compare(i, 2, "//") == 0)
      return line.substr(0, i);
  }
  return line;
}

// The text with blanks for the examples of commands.
std::string without_examples(std::string text) {
  for (std::size_t at = 0; (at = text.find("c.examples = {", at)) != std::string::npos;)
    for (const std::size_t end = std::min(text.find("};", at), text.size()); at < end; ++at)
      if (text[at] != '\n') text[at] = ' ';
  return text;
}

std::vector<std::string> lines_that_name_a_member(const SourceFile& file) {
  static const std::regex member(R"(gpt-?[1-3]|bert|llama|minilm)", std::regex::icase);
  std::string text = file.text;
  if (file.path.starts_with("src/cli/")) text = without_examples(text);
  std::vector<std::string> found;
  int number = 0;
  for (std::string line : lines_of(text)) {
    ++number;
    line = without_comment(line);
    for (const Allowed& allowed : allowed_words())
      for (std::size_t at;
           file.path == allowed.path && (at = line.find(allowed.word)) != std::string::npos;)
        line.erase(at, allowed.word.size());
    if (std::regex_search(line, member))
      found.push_back(file.path + ":" + std::to_string(number) + ": " + line);
  }
  return found;
}

bool may_name_members(const std::string& path) {
  return path.starts_with("src/models/") || path.starts_with("src/checkpoint/import") ||
         path.starts_with("src/text/");
}

TEST(Members, AreNamedByModelsImportAndTextOnly) {
  int searched = 0;
  for (const SourceFile& file : files_under("src")) {
    if (!is_code(file.path) || may_name_members(file.path)) continue;
    ++searched;
    for (const std::string& line : lines_that_name_a_member(file))
      ADD_FAILURE() << line << "\nask models/family.h or text/tokenizer.h instead";
  }
  EXPECT_GT(searched, 100);
}

TEST(Members, AreFoundInCodeAndNotInComments) {
  const auto found = [](const std::string& path, const std::string& text) {
    return lines_that_name_a_member({path, text, text}).size();
  };
  EXPECT_EQ(found("src/train/a.cc", "f(\"gpt2\");\nkBert.build();\n"), 2u);
  EXPECT_EQ(found("src/train/a.cc", "// as in BERT\nint x;  // GPT-2's\n"), 0u);
  EXPECT_EQ(found("src/train/a.cc", "f(\"https://gpt2\");\n"), 1u);
  EXPECT_EQ(found("src/cli/a.cc", "c.examples = {\n  \"x --model gpt2\"};\n"), 0u);
  EXPECT_EQ(found("src/train/a.cc", "c.examples = {\n  \"x --model gpt2\"};\n"), 1u);
}

}  // namespace
}  // namespace house
