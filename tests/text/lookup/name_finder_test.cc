#include "text/lookup/name_finder.h"

#include <tuple>

#include <gtest/gtest.h>

namespace stemma::lookup {
namespace {

TEST(NameFinder, TakesTheLeftmostThenTheLongest) {
  const NameFinder finder({{"ab", 1}, {"abc", 2}, {"bcd", 3}, {"x y", 4}});
  const auto at = [&](std::string_view text, std::size_t from = 0) {
    const auto found = finder.find(text, from);
    return found ? std::tuple(found->begin, found->end, found->id)
                 : std::tuple(std::size_t{0}, std::size_t{0}, -1);
  };
  EXPECT_EQ(at("..abcd"), std::tuple(2u, 5u, 2));
  EXPECT_EQ(at("..abd"), std::tuple(2u, 4u, 1));
  EXPECT_EQ(at("..abcd", 3), std::tuple(3u, 6u, 3));
  EXPECT_EQ(at("x x y"), std::tuple(2u, 5u, 4));
  EXPECT_EQ(at("a bc d"), std::tuple(0u, 0u, -1));
  EXPECT_EQ(finder.longest_name(), 3u);
  EXPECT_TRUE(NameFinder({}).empty());
  EXPECT_FALSE(NameFinder({}).find("abc"));
}

}  // namespace
}  // namespace stemma::lookup
