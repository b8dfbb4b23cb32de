// The one exception of Stemma.
//
// Library code throws Error and nothing else; only cli/ (exit codes) and serve/ (HTTP status) turn
// a code into something else. The message names the place in brackets, what was expected, what came
// and what to change:
//
//   throw Error(ErrorCode::invalid_argument,
//               fmt::format("[layer_norm] gain must be [{}], got [{}]", channels, got));
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace stemma {

enum class ErrorCode {
  invalid_argument,  // a value that can never work: the caller must change it
  not_found,         // a file, name or key that does not exist
  corrupt,           // a file that is damaged or contradicts itself or another file
  out_of_memory,     // more memory than there is
  unsupported,       // well formed, but nothing here can do it
  device,            // the machine failed: disk full, I/O error, accelerator error
  communication,     // another process or machine failed
  internal,          // a bug of Stemma
};

// "invalid_argument", "not_found", ...
std::string_view to_string(ErrorCode code);

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// A wait for input that a signal ended: no failure, but what was asked for is not done.
class InterruptedWait : public Error {
 public:
  explicit InterruptedWait(const std::string& message) : Error(ErrorCode::device, message) {}
};

}  // namespace stemma
