// A file that was found to be text (text_files.h), or what a pipe gave.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "data/text_content.h"

namespace stemma {

struct TextFile {
  std::filesystem::path path;  // "-": standard input
  bool json_lines = false;     // one JSON object a line
  std::uint64_t bytes = 0;     // on disk
  TextEncoding encoding = TextEncoding::utf8;
  bool named = true;  // by itself: what is found in a folder may be left out
  // What a pipe gave, which can be read only once; null for a regular file.
  std::shared_ptr<const std::string> piped = {};
};

}  // namespace stemma
