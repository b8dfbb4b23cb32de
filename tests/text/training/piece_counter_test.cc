#include "text/training/piece_counter.h"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/threads.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"

namespace stemma::bpe_training {
namespace {

using PieceCounts = std::map<std::string, std::uint64_t>;

PieceCounts drained(PieceCounter& counter, std::uint64_t min_count = 1) {
  PieceCounts counts;
  counter.drain(min_count, [&](std::string_view piece, std::uint64_t count) {
    EXPECT_TRUE(counts.emplace(piece, count).second) << piece << " came twice";
  });
  return counts;
}

// Words of a Zipf-like kind: many are rare, few are frequent, some are long.
std::vector<std::string> random_words(std::size_t count) {
  std::mt19937 random(11);
  std::vector<std::string> words;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = random() % (1u << random() % 17);
    words.push_back(" w" + std::to_string(number) + std::string(number % 7 == 0 ? 20 : 0, 'l'));
  }
  return words;
}

void count_words(PieceTally& tally, const std::vector<std::string>& words, std::size_t from,
                 std::size_t step) {
  for (std::size_t i = from; i < words.size(); i += step) {
    const std::size_t end = words[i].size();
    tally.add(words[i], 0, std::span(&end, 1));
  }
  tally.flush();
}

TEST(PieceCounter, AnyThreadsAndAnyMemoryCountTheSame) {
  const std::vector<std::string> words = random_words(200'000);
  PieceCounts expected;
  for (const std::string& word : words) ++expected[word];
  TemporaryFolder folder;
  for (const int threads : {1, 7}) {
    for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{1} << 20}) {
      PieceCounter counter({memory, folder.path()});
      Workers workers(threads);
      workers.run([&](int worker) {
        PieceTally tally(counter);
        count_words(tally, words, static_cast<std::size_t>(worker),
                    static_cast<std::size_t>(threads));
      });
      EXPECT_EQ(counter.spilled(), memory < (1 << 30));
      ASSERT_EQ(drained(counter), expected) << threads << " threads, " << memory << " bytes";
    }
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(PieceCounter, ClassesTellHowManyPiecesOccurHowOften) {
  TemporaryFolder folder;
  for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{0}}) {
    PieceCounter counter({memory, folder.path()});
    // What was spilled in parts comes together: 2 + 1 is one piece that occurs 3 times.
    for (int i = 0; i < 20'000; ++i) counter.add(PieceKey::of(" common" + std::to_string(i)), 2);
    for (int i = 0; i < 20'000; ++i) counter.add(PieceKey::of(" common" + std::to_string(i)), 1);
    for (int i = 0; i < 5'000; ++i) counter.add(PieceKey::of("rare" + std::to_string(i)), 1);
    EXPECT_EQ(counter.spilled(), memory == 0);
    const auto classes = counter.classes();
    ASSERT_EQ(classes.size(), 2u);
    EXPECT_EQ(classes.at(3).pieces, 20'000u);
    EXPECT_EQ(classes.at(1).pieces, 5'000u);
    EXPECT_EQ(classes.at(1).bytes, 4 * 5000u + 10 + 90 * 2 + 900 * 3 + 4000 * 4);
    const PieceCounts frequent = drained(counter, 3);
    EXPECT_EQ(frequent.size(), 20'000u);
    EXPECT_EQ(frequent.at(" common19999"), 3u);
    EXPECT_TRUE(drained(counter).empty());
  }
}

TEST(PieceCounter, CountsAbove32BitsGoToDiskAndBack) {
  TemporaryFolder folder;
  PieceCounter counter({0, folder.path()});
  for (int i = 0; i < 100'000; ++i)
    counter.add(PieceKey::of(std::to_string(i)), std::uint64_t{5} << 32);
  counter.add(PieceKey::of("7"), 1);
  EXPECT_TRUE(counter.spilled());
  const PieceCounts counts = drained(counter);
  EXPECT_EQ(counts.size(), 100'000u);
  EXPECT_EQ(counts.at("7"), (std::uint64_t{5} << 32) + 1);
}

TEST(PieceCounter, SaysWhereItCannotWrite) {
  PieceCounter counter({0, "/nonexistent/folder"});
  const auto fill = [&] {
    for (int i = 0; i < 100'000; ++i) counter.add(PieceKey::of(std::to_string(i)), 1);
  };
  EXPECT_ERROR(fill(), ErrorCode::device, "/nonexistent/folder");
}

}  // namespace
}  // namespace stemma::bpe_training
