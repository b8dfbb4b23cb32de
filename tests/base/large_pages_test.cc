#include "base/large_pages.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace stemma {
namespace {

TEST(LargePages, LargeTablesBeginAtALargePage) {
  const LargeVector<std::uint64_t> large(kLargePage / 8 + 1, 7);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large.data()) % kLargePage, 0u);
  EXPECT_EQ(large.back(), 7u);
  const LargeVector<char> small(3, 'x');
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(small.data()) % 64, 0u);
}

TEST(LargePages, TooMuchIsBadAlloc) {
  LargePages<std::uint64_t> pages;
  EXPECT_THROW((void)pages.allocate(std::numeric_limits<std::size_t>::max() / 8), std::bad_alloc);
}

}  // namespace
}  // namespace stemma
