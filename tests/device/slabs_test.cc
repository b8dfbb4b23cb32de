#include "device/slabs.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"

namespace stemma {
namespace {

TEST(Slabs, BlocksLieOneAfterTheOther) {
  Slabs slabs;
  const StorageRef a(slabs.allocate(100)), b(slabs.allocate(1)), c(slabs.allocate(64));
  EXPECT_EQ(b.get()->data - a.get()->data, 128);
  EXPECT_EQ(c.get()->data - b.get()->data, 64);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.get()->data) % 64, 0u);
  EXPECT_EQ(a.get()->bytes, 100u);
}

TEST(Slabs, BlocksOfEverySizeAreWhole) {
  std::vector<StorageRef> blocks;
  {
    Slabs slabs;
    for (const std::size_t bytes : {std::size_t{3}, std::size_t{40} << 20, std::size_t{0},
                                    std::size_t{30} << 20, std::size_t{70} << 20, std::size_t{5}})
      blocks.emplace_back(slabs.allocate(bytes));
  }
  // They outlive the allocator, and nobody else writes to them.
  for (std::size_t i = 0; i < blocks.size(); ++i)
    std::memset(blocks[i].get()->data, static_cast<int>(i), blocks[i].get()->bytes);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (std::size_t at = 0; at < blocks[i].get()->bytes; at += 4096)
      ASSERT_EQ(blocks[i].get()->data[at], std::byte(i));
}

TEST(Slabs, SaysThatMemoryIsOut) {
  Slabs slabs;
  EXPECT_ERROR(slabs.allocate(SIZE_MAX - 10), ErrorCode::out_of_memory, "cannot allocate");
}

}  // namespace
}  // namespace stemma
