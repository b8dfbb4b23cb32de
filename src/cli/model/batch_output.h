// Where the rows of `generate --batch` go: standard output, or a file to which a run that was cut
// off, at whatever moment, adds what is missing.
//
//   BatchOutput output(path, given, fresh);    // all that its text depends on
//   for (std::size_t row = output.rows(); row < all; ++row) output.add(line_of(row));
//   output.finish();
//
// Beside the file lies FILE.settings.json with what it was begun with, so that rows of other
// settings never come into one file.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/json.h"

namespace stemma::cli {

class BatchOutput {
 public:
  // path: the file; empty: standard output. given: an object with all that the rows depend on;
  // fresh: the same as a new file is begun with.
  //
  // Of a file that is there the whole rows stay, and a torn one behind them is cut off. It must
  // have been begun with what is given; a seed that is null (nobody gave it) may be any.
  //
  // Throws invalid_argument where the file was begun with something else, is none of this
  // command's, or is being written by another process; device where it cannot be written.
  BatchOutput(const std::string& path, const Json& given, const Json& fresh);
  ~BatchOutput();
  BatchOutput(const BatchOutput&) = delete;
  BatchOutput& operator=(const BatchOutput&) = delete;

  bool is_file() const { return descriptor_ >= 0; }
  // What the file was begun with.
  const Json& settings() const { return settings_; }
  std::size_t rows() const { return rows_; }           // that were there
  std::size_t failed_rows() const { return failed_; }  // of them
  // Appends a row with the end of its line, whole or not at all. False when nobody reads standard
  // output any more. Throws device.
  bool add(const std::string& line);
  void finish();  // fsync

 private:
  void read_rows();

  std::string path_;
  Json settings_;
  int descriptor_ = -1;
  std::size_t rows_ = 0, failed_ = 0;
  std::int64_t bytes_ = 0;
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

}  // namespace stemma::cli
