// Standard output and exit codes. Results go to standard output, everything else to standard error.
//
//   if (json) return print_json(Json::object({{"tokens", 3}}));
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/options.h"

namespace stemma::cli {

inline constexpr int kDone = 0;
inline constexpr int kCheckFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kFile = 3;
inline constexpr int kMachine = 4;
inline constexpr int kInternal = 5;

int exit_code(ErrorCode code);
// 128 + the signal that ended the work early, otherwise kDone.
int interrupted_or_done();

// A file that an option names. An empty path is none.
struct FileOption {
  std::string_view option;
  std::string path;
};
// No output takes the place of an input or of another output, by whatever name or link; devices and
// pipes may be named twice. Throws invalid_argument, naming the two options.
void check_outputs(std::string_view command, std::span<const FileOption> outputs,
                   std::span<const FileOption> inputs);

// Whether a file name means standard output: what is for people then goes to standard error.
bool is_standard_output(std::string_view name);

// Writes all of it at once. False when the reader has gone (a closed pipe): nothing more is wanted.
// Throws device when it cannot be written otherwise.
bool print(std::string_view text);
// One line; returns interrupted_or_done().
int print_json(const Json& object);

// The option that every command with a result has.
void declare_json(bool& json, OptionSet& options);

}  // namespace stemma::cli
