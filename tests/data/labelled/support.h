// What the tests of labelled rows share: real files of ../shared, unpacked with xz where they are
// packed.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "data/labelled/rows.h"
#include "tests/data/support.h"

namespace stemma::test {

// A file of ../shared/data, in `folder` where it had to be unpacked; empty where it, or xz, is
// missing.
inline std::filesystem::path shared_rows(const TemporaryFolder& folder, const std::string& name) {
  const char* shared = std::getenv("STEMMA_SHARED");
  const std::filesystem::path path =
      std::filesystem::path(shared != nullptr ? shared : STEMMA_SOURCE_DIR "/../shared") / "data" /
      name;
  if (std::filesystem::exists(path)) return path;
  const std::filesystem::path packed = path.string() + ".xz";
  if (!std::filesystem::exists(packed)) return {};
  const std::filesystem::path unpacked = folder.path() / path.filename();
  const std::string command =
      "xz -dc '" + packed.string() + "' > '" + unpacked.string() + "' 2> /dev/null";
  return std::system(command.c_str()) == 0 ? unpacked : std::filesystem::path();
}

// Of what is predicted.
inline const labelled::RowOptions kUnlabelled = {.needs_label = false};

inline std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "|") + part;
  return text;
}

// The words of a row as text: "Mr|.|M".
inline std::string words_of(const labelled::Row& row) {
  std::vector<std::string> words;
  for (const auto& [begin, end] : row.words)
    words.push_back(
        row.text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
  return joined(words);
}

}  // namespace stemma::test
