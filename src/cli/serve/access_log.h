// The access log of `stemma serve`: a line of JSON for each answer, on standard output.
//
// A reader that is slow, or a disk that is full, must not stop the server: lines wait, up to a
// megabyte of them, and what comes after that is counted instead.
#pragma once

#include <cstdint>
#include <string>

#include "serve/http/server.h"

namespace stemma::cli {

class AccessLog {
 public:
  // What it writes to; standard output by default.
  explicit AccessLog(int descriptor = 1) : descriptor_(descriptor) {}
  // Writes what can be written without waiting.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void add(const serve::AccessRecord& record);

 private:
  void flush();

  int descriptor_;
  std::string waiting_;
  std::int64_t dropped_ = 0;
  bool gone_ = false;  // nobody reads it any more
};

}  // namespace stemma::cli
