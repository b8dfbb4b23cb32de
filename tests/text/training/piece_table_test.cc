#include "text/training/piece_table.h"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace stemma::bpe_training {
namespace {

using CountMap = std::map<std::string, std::uint64_t>;

CountMap counts_in(const PieceTable& table) {
  CountMap counts;
  table.for_each([&](std::string_view piece, std::uint64_t count) {
    EXPECT_TRUE(counts.emplace(piece, count).second) << piece << " is there twice";
  });
  return counts;
}

TEST(PieceTable, EqualsAMapOverShortAndLongPieces) {
  std::mt19937 random(5);
  PieceTable table(0, 4);
  CountMap expected;
  for (int i = 0; i < 20000; ++i) {
    // Few letters and zero bytes, so that pieces come again and are the beginnings of others.
    std::string piece(1 + random() % 20, 'a');
    for (char& byte : piece) byte = "ab\0"[random() % 3];
    const std::uint64_t count = 1 + random() % 3;
    table.add(PieceKey::of(piece), count);
    expected[piece] += count;
  }
  EXPECT_EQ(counts_in(table), expected);
  EXPECT_EQ(table.size(), expected.size());
  EXPECT_LE(4 * table.size(), 3 * table.slots());
}

TEST(PieceTable, CountsHave64Bits) {
  PieceTable table;
  const std::string longer(40, 'x');
  for (int i = 0; i < 3; ++i) {
    table.add(PieceKey::of("a"), 0xFFFFFFFFu);
    table.add(PieceKey::of(longer), std::uint64_t{1} << 60);
  }
  EXPECT_EQ(counts_in(table), (CountMap{{"a", 3 * 0xFFFFFFFFull}, {longer, 3ull << 60}}));
}

TEST(PieceTable, PiecesWithTheSameFirstBitsOfTheHashSpreadOut) {
  PieceTable table(6);
  CountMap expected;
  for (int i = 0; expected.size() < 500; ++i) {
    const std::string piece = std::to_string(i);
    const PieceKey key = PieceKey::of(piece);
    if (key.hash >> 58 != 17) continue;
    table.add(key, 1);
    expected[piece] = 1;
  }
  EXPECT_EQ(counts_in(table), expected);
}

TEST(PieceTable, ClearForgetsAll) {
  PieceTable table;
  table.add(PieceKey::of("short"), 2);
  table.add(PieceKey::of("a piece that is longer than a slot"), 2);
  table.clear();
  EXPECT_TRUE(counts_in(table).empty());
  EXPECT_EQ(table.long_bytes(), 0u);
  table.add(PieceKey::of("short"), 1);
  EXPECT_EQ(counts_in(table), (CountMap{{"short", 1}}));
}

// What lies behind a piece in memory is not read where it may not be, and never counts.
TEST(PieceTable, KeysDependOnThePieceOnly) {
  const std::string text = "piece and what follows it";
  const PieceKey inside =
      PieceKey::of(std::string_view(text).substr(0, 5), text.data() + text.size());
  const PieceKey alone = PieceKey::of("piece");
  EXPECT_EQ(inside.key, alone.key);
  EXPECT_EQ(inside.hash, alone.hash);
}

}  // namespace
}  // namespace stemma::bpe_training
