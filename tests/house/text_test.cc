// Small rules for every file: it ends with a newline, has no carriage return; and in src/ no tab
// and no note for later.
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "tests/house/source_text.h"

namespace house {
namespace {

bool is_text(const std::string& path) {
  static const std::set<std::string> kEndings = {".h",  ".cc",   ".cu", ".txt", ".cmake",
                                                 ".md", ".toml", ".py", ".sh"};
  return kEndings.contains(std::filesystem::path(path).extension().string());
}

TEST(Text, FilesEndWithANewline) {
  for (const char* folder : {"src", "tests", "docs", "recipes", "benchmarks", "scripts", "cmake"})
    for (const SourceFile& file : files_under(folder)) {
      // Test material is kept byte for byte.
      if (!is_text(file.path) || file.path.find("/fixtures/") != std::string::npos) continue;
      EXPECT_TRUE(file.text.ends_with('\n')) << file.path;
      EXPECT_EQ(file.text.find('\r'), std::string::npos) << file.path;
    }
}

TEST(Text, SourcesHaveNoTabAndNoNoteForLater) {
  const std::regex note(R"(\b(TODO|FIXME|XXX|HACK)\b)");
  for (const SourceFile& file : files_under("src")) {
    if (!is_text(file.path)) continue;
    int number = 0;
    for (const std::string& line : lines_of(file.text)) {
      ++number;
      EXPECT_EQ(line.find('\t'), std::string::npos) << file.path << ":" << number << ": a tab";
      EXPECT_FALSE(std::regex_search(line, note)) << file.path << ":" << number << ": " << line;
    }
  }
}

}  // namespace
}  // namespace house
