#include "cli/output.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "base/interrupt.h"

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
  const int signal = interrupt_requested();
  return signal == 0 ? kDone : 128 + signal;
}

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
