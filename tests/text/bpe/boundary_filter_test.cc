#include "text/bpe/boundary_filter.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace stemma::bpe {
namespace {

bool may_cross(const BoundaryFilter& filter, std::string_view left, std::string_view right) {
  const std::string both = std::string(left) + std::string(right);
  return filter.may_cross(left.size(), right.size(), both.data() + left.size());
}

TEST(BoundaryFilter, EveryPlaceInsideATokenMayBeCrossed) {
  const std::string token = "abcdefgh";
  BoundaryFilter filter;
  filter.add(token);
  for (std::size_t cut = 1; cut < token.size(); ++cut)
    EXPECT_TRUE(may_cross(filter, "xyz" + token.substr(0, cut), token.substr(cut) + "xyz")) << cut;
}

TEST(BoundaryFilter, WhatIsBesideTheTwoBytesCounts) {
  BoundaryFilter filter;
  filter.add("ab");
  filter.add("zcdz");
  EXPECT_TRUE(may_cross(filter, "ya", "by"));
  EXPECT_TRUE(may_cross(filter, "zc", "dz"));
  EXPECT_TRUE(may_cross(filter, "yzc", "dzy"));
  EXPECT_FALSE(may_cross(filter, "c", "d"));
  EXPECT_FALSE(may_cross(filter, "yc", "dy"));
  EXPECT_FALSE(may_cross(filter, "zc", "dy"));
  EXPECT_FALSE(may_cross(filter, "c", "dz"));
  EXPECT_FALSE(may_cross(filter, "b", "a"));
}

TEST(BoundaryFilter, AnEmptyOneLetsNothingCross) {
  BoundaryFilter filter;
  filter.add("a");
  EXPECT_FALSE(may_cross(filter, "a", "a"));
}

}  // namespace
}  // namespace stemma::bpe
