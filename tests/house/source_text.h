// What the house tests need to know of the repository's files: which there are, their text, and
// their text without comments and literals.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace house {

struct SourceFile {
  std::string path;  // from the repository's root: "src/base/json.cc"
  std::string text;
  std::string code;  // of .h and .cc: comments and the inside of literals are blanks; same length
};

std::filesystem::path repository();

// Text files under a folder of the repository, sorted by path; empty when the folder is missing.
std::vector<SourceFile> files_under(std::string_view folder);

std::string read_text(const std::filesystem::path& path);
std::vector<std::string> lines_of(std::string_view text);
std::string blank_comments_and_literals(std::string_view text);

// Pieces of templates that a foreach_target loop includes several times: sources in all but name.
bool is_inline_source(std::string_view path);
bool is_header(std::string_view path);
bool is_code(std::string_view path);

}  // namespace house
