#include "data/pipe.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"

namespace stemma {

Pipe::Pipe(const std::filesystem::path& path)
    : path_(path == "-" ? std::filesystem::path("standard input") : path),
      // Without O_NONBLOCK opening would wait for a writer.
      descriptor_(path == "-" ? STDIN_FILENO
                              : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0)
    throw Error(ErrorCode::not_found,
                fmt::format("[data] {}: no such file, or it cannot be opened", path.string()));
}

Pipe::~Pipe() {
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

// A signal ends the wait for bytes, which read() alone would go on with (SA_RESTART): poll() is
// never restarted.
std::size_t Pipe::read(char* out, std::size_t size) {
  for (;;) {
    pollfd wait = {.fd = descriptor_, .events = POLLIN, .revents = 0};
    ssize_t got = ::poll(&wait, 1, -1);
    if (got > 0) got = ::read(descriptor_, out, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR)
      throw InterruptedWait(fmt::format("[data] interrupted while waiting for {}", path_.string()));
    if (errno != EAGAIN)
      throw Error(ErrorCode::device, fmt::format("[data] {} cannot be read: {}", path_.string(),
                                                 std::generic_category().message(errno)));
  }
}

}  // namespace stemma
