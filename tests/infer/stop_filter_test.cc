#include "infer/stop_filter.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace stemma::infer {
namespace {

TEST(StopFilter, WithoutStopsTextPassesAtOnce) {
  StopFilter filter({});
  EXPECT_EQ(filter.push("abc"), "abc");
  EXPECT_EQ(filter.flush(), "");
  EXPECT_FALSE(filter.stopped());
  StopFilter empty({"", ""});
  EXPECT_EQ(empty.push("abc"), "abc");
}

TEST(StopFilter, HoldsBackWhatMayBecomeAStop) {
  StopFilter filter({"END"});
  EXPECT_EQ(filter.push("xE"), "x");
  EXPECT_EQ(filter.push("N"), "");
  EXPECT_EQ(filter.push("ENy"), "ENENy");  // neither came to an end
  EXPECT_EQ(filter.push("EN"), "");
  EXPECT_EQ(filter.push("D more"), "");
  EXPECT_TRUE(filter.stopped());
  EXPECT_EQ(filter.push("END"), "");
  EXPECT_EQ(filter.flush(), "");
}

TEST(StopFilter, FlushGivesWhatWasHeld) {
  StopFilter filter({"\n\n"});
  EXPECT_EQ(filter.push("a\n"), "a");
  EXPECT_EQ(filter.flush(), "\n");
  EXPECT_FALSE(filter.stopped());
}

// The stop that is complete first counts, whatever the text's pieces are; of two that end at the
// same byte, the longer one.
TEST(StopFilter, TheStopThatEndsFirst) {
  for (const std::size_t piece : {1u, 2u, 4u}) {
    StopFilter filter({"abcd", "bc"});
    std::string out;
    for (std::size_t i = 0; i < 4; i += piece)
      out += filter.push(std::string("abcd").substr(i, piece));
    EXPECT_TRUE(filter.stopped());
    EXPECT_EQ(out, "a") << "in pieces of " << piece;
    StopFilter same_end({"c", "abc"});
    out.clear();
    for (std::size_t i = 0; i < 4; i += piece)
      out += same_end.push(std::string("xabc").substr(i, piece));
    EXPECT_EQ(out, "x") << "in pieces of " << piece;
  }
}

// Random texts over two letters against the definition, byte by byte.
TEST(StopFilter, AgreesWithItsDefinitionHoweverTextIsCut) {
  std::mt19937 random(1);
  const auto letters = [&](std::size_t least, std::size_t most) {
    std::string s(least + random() % (most - least + 1), 'a');
    for (char& c : s) c = random() % 2 ? 'a' : 'b';
    return s;
  };
  int stopped = 0;
  for (int round = 0; round < 5000; ++round) {
    const std::string text = letters(0, 12);
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops) stop = letters(2, 5);
    std::string wanted = text;
    bool ends = false;
    for (std::size_t end = 1; end <= text.size() && !ends; ++end) {
      std::size_t longest = 0;
      for (const std::string& stop : stops)
        if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
      if (longest == 0) continue;
      ends = true;
      wanted = text.substr(0, end - longest);
    }
    StopFilter filter(stops);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t piece = 1 + random() % 4;
      out += filter.push(std::string_view(text).substr(at, piece));
      EXPECT_TRUE(std::string_view(wanted).starts_with(out)) << "nothing may be taken back";
      at += piece;
    }
    EXPECT_EQ(filter.stopped(), ends);
    out += filter.flush();
    ASSERT_EQ(out, wanted) << "text " << text << ", stops " << ::testing::PrintToString(stops);
    stopped += ends;
  }
  EXPECT_GT(stopped, 1000);
  EXPECT_LT(stopped, 4500);
}

}  // namespace
}  // namespace stemma::infer
