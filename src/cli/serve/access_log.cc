#include "cli/serve/access_log.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"

namespace stemma::cli {
namespace {

constexpr std::size_t kMostWaiting = 1 << 20;
// A pipe that can be written to takes so many bytes at once (POSIX: PIPE_BUF).
constexpr std::size_t kAtOnce = 512;

}  // namespace

AccessLog::~AccessLog() {
  flush();
  if (dropped_ > 0) log_warning(fmt::format("{} lines of the access log were lost", dropped_));
}

void AccessLog::add(const serve::AccessRecord& r) {
  if (gone_) return;
  const Json line = Json::object({{"client", r.client},
                                  {"method", r.method},
                                  {"path", r.path},
                                  {"status", r.status},
                                  {"bytes", r.sent_bytes},
                                  {"seconds", r.seconds},
                                  {"left", r.left},
                                  {"request_id", r.id}});
  if (waiting_.size() < kMostWaiting)
    waiting_ += line.dump() + "\n";
  else if (dropped_++ == 0)
    log_warning("standard output does not take the access log fast enough: lines are lost");
  flush();
}

void AccessLog::flush() {
  std::size_t written = 0;
  while (written < waiting_.size()) {
    pollfd ready{descriptor_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0) break;
    gone_ = (ready.revents & POLLOUT) == 0;
    if (gone_) break;
    const ssize_t n = ::write(descriptor_, waiting_.data() + written,
                              std::min(kAtOnce, waiting_.size() - written));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      gone_ = errno == EPIPE || errno == EBADF;
      break;
    }
    written += static_cast<std::size_t>(n);
  }
  waiting_.erase(0, gone_ ? waiting_.size() : written);
}

}  // namespace stemma::cli
