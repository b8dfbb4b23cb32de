#include "text/lookup/pair_map.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace stemma::lookup {
namespace {

TEST(PairMap, EqualsStdMap) {
  std::mt19937 random(1);
  PairMap<int> map;
  std::map<std::uint64_t, int> expected;
  for (int i = 0; i < 20000; ++i) {
    const auto key = pair_key(static_cast<std::int32_t>(random() % 300) << 20,
                              static_cast<std::int32_t>(random() % 300));
    map[key] += i;
    expected[key] += i;
  }
  map.reserve(100000);
  for (const auto& [key, value] : expected) {
    ASSERT_NE(map.find(key), nullptr);
    EXPECT_EQ(*map.find(key), value);
  }
  EXPECT_EQ(map.find(pair_key(1, 1)), nullptr);
}

TEST(PairMap, KeysOrderAsPairs) {
  EXPECT_LT(pair_key(1, 0x7FFFFFFF), pair_key(2, 0));
  EXPECT_LT(pair_key(2, 0), pair_key(2, 1));
}

}  // namespace
}  // namespace stemma::lookup
