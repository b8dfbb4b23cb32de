#include "text/lookup/word_cache.h"

#include <array>
#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "base/threads.h"
#include "tests/text/support.h"

namespace stemma::lookup {
namespace {

using test::Ids;

Ids ids_in(const WordCache::Set& set, std::string_view word) {
  std::array<std::int32_t, 4> ids{};
  const std::size_t count = set.find(WordKey::of(word), ids.data());
  return {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(WordCache, AWordGivesTheIdsItWasInsertedWith) {
  WordCache cache(1000);
  const WordKey the = WordKey::of("the");
  EXPECT_EQ(ids_in(cache.set_of(the), "the"), Ids{});
  for (const Ids& ids : {Ids{7}, Ids{7, 8}, Ids{0, 0x7FFFFFFF, 0x7FFFFFFE}}) {
    WordCache::Set set;
    set.insert(the, ids);
    EXPECT_EQ(ids_in(set, "the"), ids);
    EXPECT_EQ(ids_in(set, std::string_view("the\0", 4)), Ids{});
    EXPECT_EQ(ids_in(set, "th"), Ids{});
  }
}

TEST(WordCache, ASetKeepsTheTwoNewestWords) {
  WordCache::Set set;
  for (const char* word : {"a", "b", "c", "d", "e"}) set.insert(WordKey::of(word), Ids{*word});
  for (const char* word : {"a", "b", "c"}) EXPECT_EQ(ids_in(set, word), Ids{}) << word;
  for (const char* word : {"d", "e"}) EXPECT_EQ(ids_in(set, word), Ids{*word});
}

TEST(WordCache, AWordOfTooManyIdsLeavesWhatIsThere) {
  WordCache::Set set;
  set.insert(WordKey::of("the"), Ids{7});
  for (int i = 0; i < 2; ++i) set.insert(WordKey::of("other"), Ids{1, 2, 3, 4});
  EXPECT_EQ(ids_in(set, "the"), Ids{7});
  EXPECT_EQ(ids_in(set, "other"), Ids{});
}

// All words compete for one set: what is found must be the ids of the word that was asked for.
TEST(WordCache, ThreadsNeverSeeTheIdsOfAnotherWord) {
  constexpr std::int32_t kWords = 7;
  const auto word_of = [](std::int32_t i) {
    return WordKey{std::uint64_t{1} << i, std::uint64_t{9} << 56};
  };
  WordCache::Set set;
  std::atomic<std::int32_t> found = 0, wrong = 0;
  Workers workers(4);
  workers.run([&](int worker) {
    for (std::int32_t step = 0; step < 80'000; ++step) {
      const std::int32_t i = (step / 2 * 5 + worker) % kWords;  // each word twice
      const auto wanted = static_cast<std::size_t>(i) % WordCache::kMaxIds + 1;
      std::array<std::int32_t, 4> ids{};
      const std::size_t count = set.find(word_of(i), ids.data());
      if (count == 0) {
        set.insert(word_of(i), Ids(wanted, i));
        continue;
      }
      ++found;
      wrong += count != wanted;
      for (std::size_t k = 0; k < count; ++k) wrong += ids[k] != i;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace stemma::lookup
