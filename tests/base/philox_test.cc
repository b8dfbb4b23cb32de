// Known answers of Random123 1.14 (kat_vectors, philox4x32-10), the authors' own library.
#include "base/philox.h"

#include <gtest/gtest.h>

namespace stemma {
namespace {

using Counter = std::array<std::uint32_t, 4>;

TEST(Philox, GivesThePublishedKnownAnswers) {
  EXPECT_EQ(philox({0, 0}, {0, 0, 0, 0}),
            (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, KeyHoldsAllBitsOfTheSeed) {
  const PhiloxKey key = philox_key(0x299f31d0a4093822ull);
  EXPECT_EQ(key.low, 0xa4093822u);
  EXPECT_EQ(key.high, 0x299f31d0u);
}

TEST(Philox, UniformStaysBelowOne) {
  EXPECT_EQ(philox_uniform(0), 0.0f);
  EXPECT_EQ(philox_uniform(0xffffffff), 1.0f - 0x1p-24f);
  EXPECT_LT(philox_uniform(0xffffffff), 1.0f);
  EXPECT_EQ(philox_uniform(0x80000000), 0.5f);
}

}  // namespace
}  // namespace stemma
