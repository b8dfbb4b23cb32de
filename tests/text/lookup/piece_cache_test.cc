#include "text/lookup/piece_cache.h"

#include <string>

#include <gtest/gtest.h>

namespace stemma::lookup {
namespace {

TEST(PieceCache, PiecesAreComparedWhole) {
  const std::string text = "a piece that is longer than a word, a pieCe that is longer than a word";
  PieceCache cache(text.size());
  const std::string_view first = std::string_view(text).substr(0, 34);
  const std::string_view second = std::string_view(text).substr(36, 34);
  cache.entry_of(first) = {first, 10, 2};
  EXPECT_EQ(cache.entry_of(first).piece, first);
  EXPECT_EQ(cache.entry_of(first).first_id, 10u);
  EXPECT_NE(cache.entry_of(second).piece, second);
}

}  // namespace
}  // namespace stemma::lookup
