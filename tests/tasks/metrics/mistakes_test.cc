#include "tasks/metrics/mistakes.h"

#include <cmath>

#include <gtest/gtest.h>

namespace stemma::tasks {
namespace {

Example mistake_example(std::size_t row) {
  return {"text " + std::to_string(row),
          "test.csv:" + std::to_string(row + 2),
          {"Angela", "Merkel", "met", "Bo"}};
}

TEST(Mistakes, OfOneLabelAreThoseOfTheHighestProbability) {
  const std::vector<std::string> labels = {"no", "yes"}, unseen = {"maybe"};
  const std::vector<int> gold = {0, 0, 1, -1, 1}, predicted = {1, 0, 0, 1, 0};
  const std::vector<double> p = {0.4, 0.6, 0.99, 0.01, 0.6, 0.4, 0.1, 0.9, 0.95, 0.05};
  const auto worst = worst_mistakes({labels, gold, predicted, p, unseen}, 3, mistake_example);
  ASSERT_EQ(worst.size(), 3u);
  EXPECT_EQ(worst[0].place, "test.csv:6");
  EXPECT_EQ(worst[0].text, "text 4");
  EXPECT_EQ(worst[0].confidence, 0.95);
  EXPECT_EQ(worst[1].gold, "maybe");
  EXPECT_EQ(worst[1].predicted, "yes");
  EXPECT_EQ(worst[2].place, "test.csv:2");  // as bad as row 2, and earlier
  const auto without = worst_mistakes({labels, gold, predicted, {}, unseen}, 9, mistake_example);
  ASSERT_EQ(without.size(), 4u);
  EXPECT_EQ(without[0].place, "test.csv:2");
  EXPECT_TRUE(std::isnan(without[0].confidence));
}

TEST(Mistakes, OfManyLabelsAreMissedOrInventedOnes) {
  const std::vector<std::string> labels = {"a", "b"};
  const std::vector<std::uint8_t> gold = {1, 0, 1, 1, 0, 0}, predicted = {1, 1, 1, 0, 0, 0};
  const std::vector<double> p = {0.9, 0.7, 0.9, 0.1, 0.2, 0.2};
  const auto worst = worst_mistakes({labels, gold, predicted, {}}, p, 5, mistake_example);
  ASSERT_EQ(worst.size(), 2u);
  EXPECT_EQ(worst[0].gold, "a, b");
  EXPECT_EQ(worst[0].predicted, "a");
  EXPECT_DOUBLE_EQ(worst[0].confidence, 0.9);
  EXPECT_EQ(worst[1].predicted, "a, b");
}

TEST(Mistakes, OfEntitiesAreSentencesWithTheMostWrongOnes) {
  const std::vector<TaggedSentence> sentences = {
      {{{"PER", 0, 1}}, {{"PER", 0, 1}}, 4, -1},
      {{{"PER", 0, 1}}, {{"PER", 0, 0}, {"LOC", 3, 3}}, 4, -1},
      {{{"PER", 0, 1}}, {}, 4, -1}};
  const auto worst = worst_mistakes(sentences, 5, mistake_example);
  ASSERT_EQ(worst.size(), 2u);
  EXPECT_EQ(worst[0].gold, "PER Angela Merkel");
  EXPECT_EQ(worst[0].predicted, "PER Angela; LOC Bo");
  EXPECT_EQ(worst[1].predicted, "(none)");
  const auto bare = worst_mistakes(sentences, 1, [](std::size_t) { return Example{}; });
  EXPECT_EQ(bare[0].gold, "PER 0-1");
}

TEST(Mistakes, OfNumbersAreTheFarthestOff) {
  const std::vector<double> gold = {1, 2, 3}, predicted = {1.5, 2, 0};
  const auto worst = worst_mistakes(gold, predicted, 5, mistake_example);
  ASSERT_EQ(worst.size(), 2u);
  EXPECT_EQ(worst[0].gold, "3");
  EXPECT_EQ(worst[0].predicted, "0");
  EXPECT_EQ(worst[1].predicted, "1.5");
}

TEST(Mistakes, OfChoicesCountAnswersFromOne) {
  const std::vector<int> gold = {0, 1, 1}, predicted = {1, 1, 0};
  const std::vector<double> confidence = {0.6, 0.9, 0.7};
  const auto worst = worst_choices(gold, predicted, confidence, 5, mistake_example);
  ASSERT_EQ(worst.size(), 2u);
  EXPECT_EQ(worst[0].gold, "answer 2");
  EXPECT_EQ(worst[0].predicted, "answer 1");
  EXPECT_EQ(worst[0].confidence, 0.7);
}

}  // namespace
}  // namespace stemma::tasks
