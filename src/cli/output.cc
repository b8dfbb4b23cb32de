#include "cli/output.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/signals.h"

namespace stemma::cli {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::not_found:
    case ErrorCode::corrupt:
    case ErrorCode::unsupported:
      return kFile;
    case ErrorCode::out_of_memory:
    case ErrorCode::device:
    case ErrorCode::communication:
      return kMachine;
    case ErrorCode::internal:
      break;
  }
  return kInternal;
}

int interrupted_or_done() {
  const int signal = process_interrupt().signal();
  return signal == 0 ? kDone : 128 + signal;
}

void check_outputs(std::string_view command, std::span<const FileOption> outputs,
                   std::span<const FileOption> inputs) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto same_file = [&](const FileOption& a, const FileOption& b) {
    if (fs::exists(a.path, error) && fs::exists(b.path, error))
      return fs::is_regular_file(a.path, error) && fs::equivalent(a.path, b.path, error);
    return fs::weakly_canonical(fs::absolute(a.path, error), error) ==
           fs::weakly_canonical(fs::absolute(b.path, error), error);
  };
  const auto check = [&](const FileOption& output, const FileOption& other) {
    if (!output.path.empty() && !other.path.empty() && same_file(output, other))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[{}] --{} and --{} are one file ({}): give the output a file of "
                              "its own",
                              command, output.option, other.option, other.path));
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    // An input that is no file is a name ("gpt2"), or an error of its own.
    for (const FileOption& input : inputs)
      if (fs::exists(input.path, error)) check(outputs[i], input);
    for (const FileOption& later : outputs.subspan(i + 1)) check(outputs[i], later);
  }
}

bool is_standard_output(std::string_view name) { return name == "-" || name == "/dev/stdout"; }

bool print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE || errno == EBADF) {
      return false;
    } else if (errno != EINTR) {
      throw Error(ErrorCode::device, fmt::format("[output] cannot write to standard output: {}",
                                                 std::strerror(errno)));
    }
  }
  return true;
}

int print_json(const Json& object) {
  print(object.dump() + "\n");
  return interrupted_or_done();
}

void declare_json(bool& json, OptionSet& options) {
  options.add({"json", "print the result as one JSON object on standard output", "true"}, json);
}

}  // namespace stemma::cli
