#include "text/training/spill_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"

namespace stemma::bpe_training {
namespace {

[[noreturn]] void fail_spill(const std::filesystem::path& folder, std::string_view what) {
  throw Error(ErrorCode::device,
              fmt::format("[bpe_trainer] a temporary file in {} {}: {}; free space there or allow "
                          "more memory",
                          folder.string(), what, std::strerror(errno)));
}

// Not every file system supports O_TMPFILE. Elsewhere the file is unlinked right after it is
// created.
int open_nameless(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0) return descriptor;
  std::string name = (folder / ".stemma-pieces-XXXXXX").string();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

SpillFile::SpillFile(std::filesystem::path folder)
    : folder_(std::move(folder)), descriptor_(open_nameless(folder_)) {
  if (descriptor_ < 0) fail_spill(folder_, "cannot be made");
}

SpillFile::~SpillFile() { ::close(descriptor_); }

SpillFile::Run SpillFile::append(std::string_view bytes) {
  const Run run{size_.fetch_add(bytes.size()), bytes.size()};
  for (std::uint64_t at = run.begin; !bytes.empty();) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_spill(folder_, "cannot be written");
    at += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return run;
}

void SpillFile::release(const Run& run) noexcept {
  ::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(run.begin), static_cast<off_t>(run.size));
}

std::string SpillFile::read(const Run& run) const {
  std::string bytes(run.size, '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = ::pread(descriptor_, bytes.data() + done, bytes.size() - done,
                                static_cast<off_t>(run.begin + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail_spill(folder_, "cannot be read");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace stemma::bpe_training
