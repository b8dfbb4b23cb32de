// What the fuzz targets of labelled rows share: any bytes as a file of one format. The first byte
// chooses what is wanted and the options.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "base/error.h"
#include "data/labelled/rows.h"

inline void check_row(const stemma::labelled::Row& row) {
  std::int64_t before = 0;
  for (const auto& [begin, end] : row.words) {
    if (begin < before || end <= begin || end > std::ssize(row.text)) __builtin_trap();
    before = end;
  }
  if (!row.tags.empty() && row.tags.size() != row.words.size()) __builtin_trap();
  if (row.text.empty() || row.line == 0) __builtin_trap();
}

// extension: ".csv".
inline void read_labelled_rows(const std::uint8_t* data, std::size_t size,
                               const std::string& extension) {
  using namespace stemma::labelled;
  if (size == 0) return;
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("stemma-rows-fuzz-" + std::to_string(::getpid()) + extension))
                               .string();
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data + 1), static_cast<std::streamsize>(size - 1));
  RowOptions options;
  const unsigned choice = data[0];
  if (choice & 4) options.bad_rows = "skip", options.bad_rows_limit = 1;
  if (choice & 8) options.needs_label = false;
  if (choice & 16) options.label_separator = ",";
  if (choice & 32) options.text_columns = {"1", "2"}, options.choice_columns = {"3", "4"};
  if (choice & 64) options.header = choice & 128 ? "yes" : "no";
  try {
    RowReader reader(path, options, static_cast<Wanted>(choice & 3));
    for (Row row; reader.next(row);) check_row(row);
  } catch (const stemma::Error&) {
    // Refusing is right; crashing is not.
  }
  std::remove(path.c_str());
}
