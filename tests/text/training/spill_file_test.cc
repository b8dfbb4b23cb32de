#include "text/training/spill_file.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace stemma::bpe_training {
namespace {

TEST(SpillFile, GivesBackWhatWasPutAsideAndHasNoName) {
  TemporaryFolder folder;
  SpillFile file(folder.path());
  const std::string large(3 << 20, 'x');
  const SpillFile::Run first = file.append("first"), second = file.append(large),
                       empty = file.append("");
  EXPECT_EQ(file.read(second), large);
  EXPECT_EQ(file.read(first), "first");
  EXPECT_EQ(file.read(empty), "");
  file.release(first);
  file.release(empty);
  EXPECT_EQ(file.read(second), large);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SpillFile, SaysWhatIsWrong) {
  TemporaryFolder folder;
  EXPECT_ERROR(SpillFile(folder.path() / "missing"), ErrorCode::device, "cannot be made");
  SpillFile file(folder.path());
  EXPECT_ERROR(file.read({100, 1}), ErrorCode::device, "cannot be read");
}

}  // namespace
}  // namespace stemma::bpe_training
