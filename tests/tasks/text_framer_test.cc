#include "tasks/text_framer.h"

#include <set>

#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

const Marks kMarks{300, 301, 302};

Ids numbered(std::int64_t count, std::int32_t first) {
  Ids ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(first + static_cast<std::int32_t>(i));
  return ids;
}

TEST(TextFramer, PutsTheTokenizersTokensAround) {
  const auto tokenizer = letter_tokenizer();
  const TextFramer framer(*tokenizer, std::nullopt, 10);
  EXPECT_EQ(framer.room(), 8);
  EXPECT_EQ(framer.room_of_pair(), 7);
  EXPECT_EQ(framer.begin(), 1);
  std::int64_t cut = 0;
  EXPECT_EQ(framer.one(framer.ids("ab c"), cut).ids,
            (Ids{kClass, letter('a'), inner('b'), letter('c'), kSeparator}));
  const Framed pair = framer.two(framer.ids("a"), framer.ids("bc"), cut);
  EXPECT_EQ(pair.ids, (Ids{kClass, letter('a'), kSeparator, letter('b'), inner('c'), kSeparator}));
  EXPECT_EQ(pair.segments, (Ids{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(cut, 0);
  EXPECT_TRUE(framer.is_mark(kClass) && framer.is_mark(kSeparator));
  EXPECT_FALSE(framer.is_mark(kMask) || framer.is_mark(letter('a')));
}

// Radford et al. 2018, figure 1: start text extract; start first delimiter second extract.
TEST(TextFramer, PutsMarksAround) {
  const auto tokenizer = byte_tokenizer();
  const TextFramer framer(*tokenizer, kMarks, 10);
  std::int64_t cut = 0;
  EXPECT_EQ(framer.one(Ids{7, 8}, cut).ids, (Ids{300, 7, 8, 302}));
  EXPECT_EQ(framer.two(Ids{7, 8}, Ids{9}, cut).ids, (Ids{300, 7, 8, 301, 9, 302}));
  EXPECT_EQ(framer.two(Ids{7, 8}, Ids{9}, cut).segments, Ids(6, 0));
  EXPECT_EQ(framer.one(Ids{}, cut).ids, (Ids{300, 302}));
  EXPECT_EQ(framer.begin(), 1);
  for (const std::int32_t mark : {300, 301, 302}) EXPECT_TRUE(framer.is_mark(mark));
  EXPECT_FALSE(framer.is_mark(7));
  EXPECT_EQ(cut, 0);
}

TEST(TextFramer, NothingAroundWhereNothingBelongs) {
  const auto tokenizer = byte_tokenizer();
  const TextFramer framer(*tokenizer, std::nullopt, 4);
  EXPECT_EQ(framer.room(), 4);
  EXPECT_EQ(framer.begin(), 0);
  std::int64_t cut = 0;
  EXPECT_EQ(framer.one(Ids{1, 2, 3, 4, 5}, cut).ids, (Ids{1, 2, 3, 4}));
  EXPECT_EQ(cut, 1);
}

TEST(TextFramer, NeedsRoomForATokenOfEachText) {
  const auto tokenizer = byte_tokenizer();
  EXPECT_EQ(TextFramer(*tokenizer, kMarks, 5).room_of_pair(), 2);
  EXPECT_ERROR(TextFramer(*tokenizer, kMarks, 4), ErrorCode::invalid_argument, "use 5 or more");
  EXPECT_ERROR(TextFramer(*letter_tokenizer(), std::nullopt, -3), ErrorCode::invalid_argument,
               "max_tokens -3");
}

// One token after the other from the end of the longer text; of equal ones from the second, as
// transformers' longest_first.
void cut_longest_first(Ids& first, Ids& second, std::int64_t room) {
  while (std::ssize(first) + std::ssize(second) > room)
    (first.size() > second.size() ? first : second).pop_back();
}

TEST(TextFramer, CutsTheLongerTextOfAPairFirst) {
  const auto tokenizer = byte_tokenizer();
  for (std::int64_t most = 5; most <= 14; ++most) {
    const TextFramer framer(*tokenizer, kMarks, most);
    for (std::int64_t a = 0; a <= 12; ++a)
      for (std::int64_t b = 0; b <= 12; ++b) {
        Ids first = numbered(a, 100), second = numbered(b, 200);
        std::int64_t cut = 5;  // adds to what is there
        const Framed framed = framer.two(first, second, cut);
        cut_longest_first(first, second, framer.room_of_pair());
        ASSERT_EQ(framed.ids, joined({{300}, first, {301}, second, {302}})) << a << " " << b;
        ASSERT_EQ(cut - 5, a + b - std::ssize(first) - std::ssize(second));
        ASSERT_LE(std::ssize(framed.ids), most);
      }
  }
}

TEST(TextFramer, WindowsHoldEveryToken) {
  const auto tokenizer = letter_tokenizer();
  for (std::int64_t most = 5; most <= 13; ++most) {
    const TextFramer framer(*tokenizer, std::nullopt, most);
    for (std::int64_t size = 0; size <= 40; ++size) {
      const std::vector<Framed> windows = framer.windows(numbered(size, 100));
      ASSERT_EQ(windows.size() == 1, size <= framer.room()) << most << " " << size;
      std::int32_t next = 100;  // the first token that no window had yet
      for (const Framed& window : windows) {
        ASSERT_LE(std::ssize(window.ids), most);
        ASSERT_EQ(window.ids.front(), kClass);
        ASSERT_EQ(window.ids.back(), kSeparator);
        if (size == 0) continue;
        const std::int32_t first = window.ids[1], last = window.ids[window.ids.size() - 2];
        // Neighbours in the text, from what was read already to something new.
        ASSERT_EQ(last - first + 3, std::ssize(window.ids));
        ASSERT_LE(first, next);
        ASSERT_GE(last, next);
        if (first > 100 && framer.room() > 3) {
          ASSERT_LT(first, next);
        }  // they overlap
        next = last + 1;
      }
      ASSERT_EQ(next, 100 + size);
    }
  }
}

}  // namespace
}  // namespace stemma::tasks
