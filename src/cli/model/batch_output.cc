#include "cli/model/batch_output.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/output.h"

namespace stemma::cli {
namespace {

[[noreturn]] void fail_output(const std::string& path, const char* what) {
  throw Error(ErrorCode::device,
              fmt::format("[generate] cannot {} {}: {}", what, path, std::strerror(errno)));
}

// A seed that was drawn is taken from the file; everything else must be as it was.
Json matching(const std::string& path, const Json& begun, const Json& given) {
  for (const auto& [key, value] : given.as_object()) {
    const Json* was = begun.find(key);
    if (was && was->dump() == value.dump()) continue;
    if (key == "seed" && value.is_null()) continue;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[generate] {} was begun with another '{}' ({} instead of {}): give "
                            "the same options and rows, or another --output",
                            path, key, was ? was->dump() : "none", value.dump()));
  }
  return begun;
}

}  // namespace

BatchOutput::BatchOutput(const std::string& path, const Json& given, const Json& fresh)
    : path_(path), settings_(fresh) {
  if (path_.empty()) return;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_output(path_, "write");
  struct stat info = {};
  if (::fstat(descriptor_, &info) != 0) fail_output(path_, "write");
  if (!S_ISREG(info.st_mode)) return;  // a device or a pipe keeps nothing
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[generate] another process is writing {}", path_));
  // Anew: the one that had it may have written since.
  if (::fstat(descriptor_, &info) != 0) fail_output(path_, "write");
  const std::string settings_file = path_ + ".settings.json";
  if (info.st_size > 0) {
    std::string begun;
    try {
      begun = read_file(settings_file, 1 << 20);
    } catch (const Error&) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[generate] {} is there already, without the {} that this command "
                              "keeps beside its files: give another --output",
                              path_, settings_file));
    }
    settings_ = matching(path_, Json::parse(begun, settings_file), given);
    read_rows();
    return;
  }
  AtomicFile file(settings_file);
  file.write(settings_.dump() + "\n");
  file.commit();
}

BatchOutput::~BatchOutput() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void BatchOutput::read_rows() {
  const std::string text = read_file(path_);
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const Json row = Json::parse(std::string_view(text).substr(begin, end - begin),
                                 fmt::format("{}:{}", path_, rows_ + 1));
    failed_ += row.is_object() && row.find("error") ? 1 : 0;
    ++rows_;
  }
  bytes_ = static_cast<std::int64_t>(begin);
  if (::ftruncate(descriptor_, bytes_) != 0 || ::lseek(descriptor_, bytes_, SEEK_SET) < 0)
    fail_output(path_, "write");
}

bool BatchOutput::add(const std::string& line) {
  if (path_.empty()) return print(line);
  for (std::size_t written = 0; written < line.size();) {
    const ssize_t n = ::write(descriptor_, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int reason = errno;
      // The rows before stay whole.
      if (::ftruncate(descriptor_, bytes_) != 0) ::lseek(descriptor_, bytes_, SEEK_SET);
      errno = reason;
      fail_output(path_, "write");
    }
    written += static_cast<std::size_t>(n);
  }
  bytes_ += static_cast<std::int64_t>(line.size());
  constexpr std::chrono::seconds kBetweenSyncs{5};
  if (const auto now = std::chrono::steady_clock::now(); now - synced_ > kBetweenSyncs) finish();
  return true;
}

void BatchOutput::finish() {
  if (descriptor_ < 0) return;
  // A device or a pipe has nothing to sync.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) fail_output(path_, "write");
  synced_ = std::chrono::steady_clock::now();
}

}  // namespace stemma::cli
