#include "base/file.h"

#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
}

void write_atomically(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::ptrdiff_t entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(ReadFile, ReadsWholeFilesPipesAndDevices) {
  const TemporaryFolder folder;
  const std::string text("a\0b\n\xff", 5);
  put(folder / "f", text);
  EXPECT_EQ(read_file(folder / "f"), text);
  put(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
  EXPECT_FALSE(read_file("/proc/self/status").empty());  // says size 0
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string large(300'000, 'x');
  std::thread writer([&] { put(pipe, large); });
  EXPECT_EQ(read_file(pipe), large);
  writer.join();
}

TEST(ReadFile, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  EXPECT_ERROR(read_file(folder / "none"), ErrorCode::not_found, (folder / "none").string());
  EXPECT_ERROR(read_file(folder.path()), ErrorCode::not_found, "Is a directory");
  EXPECT_ERROR(read_file(folder / "none" / "x"), ErrorCode::not_found, "No such file");
  put(folder / "f", "12345");
  EXPECT_EQ(read_file(folder / "f", 5), "12345");
  EXPECT_ERROR(read_file(folder / "f", 4), ErrorCode::invalid_argument, "at most 4 B");
  EXPECT_ERROR(read_file("/dev/zero", 100'000), ErrorCode::invalid_argument, "at most 100 kB");
}

TEST(MappedFile, MapsMovesAndTakesEmptyFiles) {
  const TemporaryFolder folder;
  put(folder / "f", "hello");
  MappedFile file(folder / "f");
  EXPECT_EQ(file.text(), "hello");
  EXPECT_EQ(file.bytes().size(), 5u);
  MappedFile moved(std::move(file));
  EXPECT_EQ(moved.text(), "hello");
  put(folder / "g", "other");
  MappedFile assigned(folder / "g");
  assigned = std::move(moved);
  EXPECT_EQ(assigned.text(), "hello");
  put(folder / "empty", "");
  EXPECT_TRUE(MappedFile(folder / "empty").bytes().empty());
  EXPECT_TRUE(MappedFile().bytes().empty());
}

TEST(MappedFile, ForgottenPagesAreReadAgain) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += static_cast<char>('a' + i % 23);
  std::ofstream(folder / "a") << text;
  const MappedFile file(folder / "a");
  EXPECT_EQ(file.text(), text);
  file.forget(file.bytes().subspan(100, 15'000));
  file.forget(file.bytes().subspan(5, 10));  // no whole page
  file.forget({});
  EXPECT_EQ(file.text(), text);
}

TEST(MappedFile, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  EXPECT_ERROR(MappedFile(folder / "none"), ErrorCode::not_found, "none");
  EXPECT_ERROR(MappedFile(folder.path()), ErrorCode::not_found, "Is a directory");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_ERROR(MappedFile(folder / "pipe"), ErrorCode::invalid_argument, "ordinary file");
}

TEST(AtomicFile, ReplacesOnCommitAndOnlyThen) {
  const TemporaryFolder folder;
  put(folder / "f", "old");
  {
    AtomicFile file(folder / "f");
    file.write("new");
    EXPECT_EQ(read_file(folder / "f"), "old");
    file.commit();
    EXPECT_EQ(read_file(folder / "f"), "new");
    EXPECT_ERROR(file.write("x"), ErrorCode::internal, "after commit");
    EXPECT_ERROR(file.commit(), ErrorCode::internal, "twice");
  }
  EXPECT_EQ(read_file(folder / "f"), "new");
  {
    AtomicFile file(folder / "f");
    file.write("never");
  }
  EXPECT_EQ(read_file(folder / "f"), "new");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(AtomicFile, WritesAllSizesInOrder) {
  const TemporaryFolder folder;
  std::string expected;
  AtomicFile file(folder / "f");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{1 << 20}, std::size_t{(1 << 20) - 1},
        std::size_t{7}, std::size_t{3 << 20}}) {
    std::string part(size, '\0');
    for (std::size_t i = 0; i < size; ++i) part[i] = static_cast<char>((i * 31 + size) >> 3);
    file.write(part);
    expected += part;
  }
  const std::byte tail[] = {std::byte{1}, std::byte{2}};
  file.write(tail);
  file.commit();
  EXPECT_TRUE(read_file(folder / "f") == expected + "\1\2");
}

TEST(AtomicFile, TakesARelativeNameAndFollowsTheUmask) {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  const mode_t mask = ::umask(027);
  write_atomically("f", "x");
  ::umask(mask);
  fs::current_path(before);
  struct stat status = {};
  ASSERT_EQ(::stat((folder / "f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(AtomicFile, SaysThatTheFolderIsMissing) {
  const TemporaryFolder folder;
  EXPECT_ERROR(AtomicFile(folder / "no" / "f"), ErrorCode::device, "No such file or directory");
  EXPECT_ERROR(AtomicFile("/proc/f"), ErrorCode::device, "/proc/f");
  EXPECT_ERROR(sync_folder(folder / "no"), ErrorCode::device, "no");
}

// Each child is killed at a moment of its own, many in the middle of a write: whatever is found
// under the final name is one whole version.
TEST(AtomicFile, AKillLeavesTheOldFileOrTheNewOne) {
  const TemporaryFolder folder;
  const fs::path path = folder / "f";
  constexpr std::size_t kBytes = 4 << 20;
  write_atomically(path, std::string(kBytes, 'a'));
  const auto letter_of = [&] { return read_file(path)[0]; };
  bool replaced = false;
  for (int round = 0; round < 20; ++round) {
    const char before = letter_of();
    const pid_t child = ::fork();
    if (child == 0) {
      for (char letter = 'b';; letter = letter == 'z' ? 'b' : static_cast<char>(letter + 1))
        write_atomically(path, std::string(kBytes, letter));
    }
    ::usleep(static_cast<useconds_t>(500 + 3000 * round));
    // The last one is killed after it has replaced the file at least once, however slow the machine
    // is.
    for (int i = 0; round == 19 && !replaced && i < 6000; ++i) {
      replaced = letter_of() != before;
      ::usleep(10'000);
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const std::string text = read_file(path);
    ASSERT_EQ(text.size(), kBytes);
    ASSERT_EQ(text.find_first_not_of(text[0]), text.npos) << "two versions mixed";
    replaced = replaced || text[0] != before;
  }
  EXPECT_TRUE(replaced);
  // What the killed ones left is in nobody's way, even where process numbers come again.
  EXPECT_NO_THROW(write_atomically(path, "x"));
}

TEST(FolderLock, IsHeldByOneAndGoesWithIt) {
  const TemporaryFolder folder;
  {
    const FolderLock lock(folder.path());
    EXPECT_ERROR(FolderLock(folder.path()), ErrorCode::invalid_argument,
                 "another process works in");
  }
  EXPECT_NO_THROW(FolderLock(folder.path()));
  EXPECT_ERROR(FolderLock(folder / "no"), ErrorCode::device, "No such file or directory");
}

TEST(AtomicFile, DevicesAreWrittenToAndLinksFollowed) {
  write_atomically("/dev/null", "gone");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_ERROR(write_atomically("/dev/full", "x"), ErrorCode::device, "/dev/full");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  const TemporaryFolder folder;
  put(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  write_atomically(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "target"), "new");
}

TEST(AtomicFile, ALeftTemporaryFileIsNotTaken) {
  const TemporaryFolder folder;
  std::vector<fs::path> left;
  for (int number = 0; number < 500; ++number)
    left.push_back(folder / fmt::format("f.tmp-{}-{}", ::getpid(), number));
  for (const fs::path& path : left) put(path, "left");
  write_atomically(folder / "f", "new");
  EXPECT_EQ(read_file(folder / "f"), "new");
  for (const fs::path& path : left) EXPECT_EQ(read_file(path), "left");
  EXPECT_EQ(entries(folder.path()), 501);
}

TEST(AtomicFile, AFullDiskIsAClearErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "SKIPPED: needs the right to mount a tmpfs";
  put(folder / "f", "old");
  EXPECT_ERROR(write_atomically(folder / "f", std::string(2 << 20, 'x')), ErrorCode::device,
               "No space left on device (free: ");
  // Small writes stay in the buffer, so here it is commit() that meets the limit.
  EXPECT_ERROR(write_atomically(folder / "f", std::string(300'000, 'x')), ErrorCode::device,
               (folder / "f").string());
  EXPECT_EQ(read_file(folder / "f"), "old");
  EXPECT_EQ(entries(folder.path()), 1);
  ::umount(folder.path().c_str());
}

TEST(AtomicFile, AFileSizeLimitIsAClearErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  put(folder / "f", "old");
  rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {1 << 16, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_ERROR(write_atomically(folder / "f", std::string(2 << 20, 'x')), ErrorCode::device,
               "File too large");
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, old_action);
  EXPECT_EQ(read_file(folder / "f"), "old");
  EXPECT_EQ(entries(folder.path()), 1);
}

}  // namespace
}  // namespace stemma
