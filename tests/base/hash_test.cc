#include "base/hash.h"

#include <vector>

#include <gtest/gtest.h>

namespace stemma {
namespace {

TEST(Hash, GivesThePublishedValues) {
  // XXH3_64bits of nothing, xxHash specification; and what the program `xxhsum -H3` prints.
  EXPECT_EQ(hash64(""), 0x2d06800538d394c2ull);
  EXPECT_EQ(hash64("abc"), 0x78af5f94892f3950ull);
}

TEST(Hash, BytesAndTextAgreeAndSeedMatters) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i);
  const std::span bytes = std::as_bytes(std::span(text.data(), text.size()));
  for (std::size_t n : {0u, 1u, 16u, 17u, 128u, 240u, 241u, 1000u}) {
    EXPECT_EQ(hash64(bytes.first(n)), hash64(std::string_view(text).substr(0, n)));
    EXPECT_NE(hash64(bytes.first(n)), hash64(bytes.first(n), 1));
  }
}

}  // namespace
}  // namespace stemma
