// What is found among files and folders, and what is left out.
#include "data/text_files.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "data/byte_source.h"
#include "data/documents.h"
#include "data/text_content.h"
#include "tests/data/support.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;
using std::string_literals::operator""s;
using test::error_of;
using test::TemporaryFolder;

std::string refusal_of(std::string_view begin) { return look_at(begin).refusal; }

TEST(TextContent, KnowsWhatIsNoText) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\x89PNG\r\n\x1A\n..."s, "PNG"},
      {"PK\x03\x04..."s, "ZIP"},
      {"PK\x03\x04"s + std::string(26, 'x') + "mimetypeapplication/epub+zip", "EPUB"},
      {"\xD0\xCF\x11\xE0..."s, "Thumbs.db"},
      {"\x93NUMPY\x01"s, "NumPy"},
      {"\x7F"
       "ELF\x02"s,
       "program"},
      {"%PDF-1.7\n"s, "PDF"},
      {"\xFD"
       "7zXZ\0"s,
       "xz -d"},
      {"GGUF\x03"s, "GGUF"},
      {"\x10\0\0\0\0\0\0\0{\"a\""s, "safetensors"},
      {"version https://git-lfs.github.com/spec/v1\noid"s, "git lfs pull"},
      {"words \0 more"s, "zero bytes"},
      {"h\0e\0l\0l\0o\0 \0w\0o\0"s, "UTF-16LE"},
      {"\0h\0e\0l\0l\0o\0 \0w"s, "UTF-16BE"},
      {"Gr\xFC\xDF"
       "e aus M\xFCnchen"s,
       "WINDOWS-1252"},
      {"\x01\x02\x03 x"s, "control characters"}};
  for (const auto& [begin, word] : cases)
    EXPECT_NE(refusal_of(begin).find(word), std::string::npos)
        << begin << ": " << refusal_of(begin);
}

TEST(TextContent, TextOfEveryKindIsText) {
  for (const std::string& text :
       {""s, "plain"s, "\xEF\xBB\xBFmarked"s,
        "Gr\xC3\xBC\xC3\x9F"
        "e"s,
        "\xF0\x9F\x98\x80"s, "tab\tpage\f escape \x1B[1m"s, "<html>a page</html>"s, "{\"a\": 1}"s,
        std::string(2000, 'x') + "\xFF"})
    EXPECT_EQ(refusal_of(text), "") << text.substr(0, 20);
  // Cut inside a character, as the first bytes of a file are.
  EXPECT_EQ(refusal_of("\xE4\xBD\xA0\xE5\xA5"), "");
}

TEST(TextContent, RowsAndOneJsonValue) {
  EXPECT_TRUE(is_json_lines("{\"text\": \"a\"}\n{\"text\": \"b\"}\n"));
  EXPECT_TRUE(is_json_lines("\n {\"text\": \"a\"}"));
  EXPECT_FALSE(is_json_lines("{\n  \"text\": \"a\"\n}\n"));
  EXPECT_FALSE(is_json_lines("[{\"text\": \"a\"}]"));
  EXPECT_FALSE(is_json_lines("words"));
}

std::string text_of(const fs::path& file) { return read_any_text(file); }

TEST(TextFiles, EncodingsWithAMarkAreConverted) {
  TemporaryFolder folder;
  const std::string want = "h\xC3\xA9\xF0\x9F\x98\x80\n";  // é, U+1F600
  EXPECT_EQ(text_of(folder.write("a", "\xFF\xFEh\0\xE9\0\x3D\xD8\x00\xDE\n\0"s)), want);
  EXPECT_EQ(text_of(folder.write("b", "\xFE\xFF\0h\0\xE9\xD8\x3D\xDE\x00\0\n"s)), want);
  EXPECT_EQ(text_of(folder.write("c", "\xFF\xFE\0\0h\0\0\0\xE9\0\0\0\0\xF6\1\0\n\0\0\0"s)), want);
  EXPECT_EQ(text_of(folder.write("d", "\0\0\xFE\xFF\0\0\0h\0\0\0\xE9\0\1\xF6\0\0\0\0\n"s)), want);
  EXPECT_EQ(text_of(folder.write("e", "\xEF\xBB\xBF" + want)), want);
  // Halves of a character, and of a unit at the end.
  EXPECT_EQ(text_of(folder.write("f", "\xFF\xFE\x3D\xD8x\0y"s)), "\xEF\xBF\xBDx\xEF\xBF\xBD");
  // Pairs of surrogates across the blocks of reading.
  std::string wide = "\xFF\xFE"s, narrow;
  for (int i = 0; i < 200'001; ++i) {
    wide += i % 3 == 0 ? "a\0"s : "\x3D\xD8\x00\xDE"s;
    narrow += i % 3 == 0 ? "a" : "\xF0\x9F\x98\x80";
  }
  EXPECT_EQ(text_of(folder.write("g", wide)), narrow);
  EXPECT_EQ(text_of(folder.write("g.gz", test::gzip(wide))), narrow);
}

TEST(TextFiles, CompressionIsKnownByContent) {
  TemporaryFolder folder;
  EXPECT_EQ(text_of(folder.write("a.txt", test::gzip("words"))), "words");
  EXPECT_EQ(text_of(folder.write("b", test::zstd("words"))), "words");
}

TEST(TextFiles, FoldersTakeWhatIsTextAndSayTheRest) {
  TemporaryFolder folder;
  folder.write("in/a.txt", "A");
  folder.write("in/cover.png", "\x89PNG\r\n\x1A\n");
  folder.write("in/deep/b", "B");
  folder.write("in/rows.json", "{\"text\": \"r\"}\n");
  folder.write("in/one.json", "{\n\"text\": \"r\"}\n");
  fs::create_symlink("gone.txt", folder.path() / "in/link.txt");
  fs::create_directory_symlink("..", folder.path() / "in/deep/up");
  folder.write("out/c.txt", "C");
  fs::create_directory_symlink(folder.path() / "out", folder.path() / "in/other");
  const TextFiles found = find_text_files({folder.path() / "in"});
  std::vector<std::string> names;
  for (const TextFile& file : found.files) names.push_back(file.path.filename().string());
  EXPECT_EQ(names, (std::vector<std::string>{"a.txt", "b", "c.txt", "rows.json"}));
  EXPECT_TRUE(found.files[3].json_lines);
  const std::string rest = describe_left_out(found);
  for (const char* word : {"left out 4", "cover.png (a PNG image)", "gone.txt that does not exist",
                           "up (a link to a folder that it lies in)", "one.json (one JSON value"})
    EXPECT_NE(rest.find(word), std::string::npos) << word << " in " << rest;
  EXPECT_NE(error_of(ErrorCode::unsupported,
                     [&] { find_text_files({folder.path() / "in"}, {.strict = true}); })
                .find("cover.png"),
            std::string::npos);
}

// Rows with the text field are rows whatever the name; others in a .txt are text, and said.
TEST(TextFiles, RowsAreKnownByContentWhereTheNameSaysNothing) {
  TemporaryFolder folder;
  const std::string rows = "{\"text\": \"a\"}\n{\"text\": \"b\"}\n";
  EXPECT_TRUE(find_text_files({folder.write("rows", rows)}).files.front().json_lines);
  EXPECT_FALSE(find_text_files({folder.write("plain", "{a}\n{b}\n")}).files.front().json_lines);
  const fs::path txt = folder.write("rows.txt", rows);
  const TextFiles text = find_text_files({txt});
  EXPECT_TRUE(text.files.front().json_lines);
  EXPECT_EQ(text.rows_by_content.size(), 1u);
  const TextFiles other = find_text_files({txt}, {.text_field = "content"});
  EXPECT_FALSE(other.files.front().json_lines);
  EXPECT_EQ(other.rows_read_as_text.size(), 1u);
}

// One damaged or foreign file does not end a folder.
TEST(TextFiles, FoldersLeaveOutWhatCannotBeRead) {
  TemporaryFolder folder;
  folder.write("in/a.txt", "A");
  folder.write("in/.hidden.txt", "H");
  folder.write("in/b.txt.gz", "no gzip");
  folder.write("in/package.json", "{\"name\": \"x\"}\n");
  folder.write("in/packed/dataset.json", "{}");
  folder.write("in/packed/tokenizer/merges.txt", "a b");
  const TextFiles found = find_text_files({folder.path() / "in"});
  ASSERT_EQ(found.files.size(), 1u);
  EXPECT_EQ(found.hidden, 1);
  const std::string rest = describe_left_out(found);
  for (const char* word : {"left out 3", "b.txt.gz (damaged", "rows of JSON without a field 'text'",
                           "packed data, tokens and no text"})
    EXPECT_NE(rest.find(word), std::string::npos) << word << " in " << rest;
  EXPECT_NE(
      error_of(ErrorCode::unsupported, [&] { find_text_files({folder.path() / "in/packed"}); })
          .find("packed data"),
      std::string::npos);
}

TEST(TextFiles, RefusesWhatIsNamedAndNoText) {
  TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const std::string& bytes, const char* word) {
    const fs::path file = folder.write(name, bytes);
    const std::string message = error_of(ErrorCode::unsupported, [&] { find_text_files({file}); });
    EXPECT_NE(message.find(word), std::string::npos) << message;
  };
  refused("a.txt", "\x89PNG\r\n\x1A\n", "PNG");
  refused("a.json", "[1, 2]", "jq");
  refused("r.toml", "depth = 3\n", "RECIPE.toml");
  folder.write("only/x.png", "\x89PNG\r\n\x1A\n");
  EXPECT_NE(error_of(ErrorCode::unsupported, [&] { find_text_files({folder.path() / "only"}); })
                .find("none of its 1 files is text"),
            std::string::npos);
  fs::create_symlink("nowhere", folder.path() / "dangling");
  EXPECT_NE(error_of(ErrorCode::not_found, [&] { find_text_files({folder.path() / "dangling"}); })
                .find("a link to nowhere that does not exist"),
            std::string::npos);
}

}  // namespace
}  // namespace stemma
