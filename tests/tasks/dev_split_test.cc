#include "tasks/dev_split.h"

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

TaskRows pairs(int premises, int hypotheses) {
  TaskRows rows{"pairs.tsv", {}};
  for (int i = 0; i < premises; ++i)
    for (int j = 0; j < hypotheses; ++j)
      rows.rows.push_back(pair_row(fmt::format("premise {}", i), fmt::format("{} of {}", j, i)));
  return rows;
}

TEST(DevSplit, IsAShareThatDoesNotDependOnTheOrder) {
  TaskRows train = pairs(3000, 1), turned = train;
  std::reverse(turned.rows.begin(), turned.rows.end());
  const TaskRows dev = split_off_dev(train, 0.1);
  EXPECT_NEAR(static_cast<double>(dev.rows.size()), 300, 60);
  EXPECT_EQ(train.rows.size() + dev.rows.size(), 3000u);
  TaskRows again = split_off_dev(turned, 0.1);
  ASSERT_EQ(again.rows.size(), dev.rows.size());
  for (std::size_t i = 0; i < dev.rows.size(); ++i)
    EXPECT_EQ(again.rows[dev.rows.size() - 1 - i].text, dev.rows[i].text);
}

TEST(DevSplit, RowsThatShareATextStayTogether) {
  TaskRows train = pairs(600, 5);
  // The hypothesis of one pair is the premise of another: three groups become one.
  train.rows.push_back(pair_row("0 of 1", "0 of 2"));
  const TaskRows dev = split_off_dev(train, 0.1);
  EXPECT_NEAR(static_cast<double>(dev.rows.size()), 300, 150);
  std::set<std::string> seen;
  for (const labelled::Row& row : train.rows) seen.insert({row.text, row.second});
  for (const labelled::Row& row : dev.rows) {
    EXPECT_FALSE(seen.contains(row.text)) << row.text;
    EXPECT_FALSE(seen.contains(row.second)) << row.second;
  }
}

// One text in all rows: there is nothing to keep apart.
TEST(DevSplit, AGroupOfNearlyAllRowsIsSplitRowByRow) {
  TaskRows train = pairs(1, 2000);
  const TaskRows dev = split_off_dev(train, 0.1);
  EXPECT_NEAR(static_cast<double>(dev.rows.size()), 200, 50);
}

TEST(DevSplit, TakesNothingOfNothing) {
  TaskRows train{"none.tsv", {}};
  EXPECT_TRUE(split_off_dev(train, 0.1).rows.empty());
  train = pairs(50, 1);
  EXPECT_TRUE(split_off_dev(train, 0).rows.empty());
}

}  // namespace
}  // namespace stemma::tasks
