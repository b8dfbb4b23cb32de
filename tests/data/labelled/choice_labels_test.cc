// How a data set writes which choice is right.
#include "data/labelled/choice_labels.h"

#include "tests/data/labelled/support.h"

namespace stemma::labelled {
namespace {

using Indices = std::vector<std::int64_t>;
using test::error_of;

std::vector<Row> rows_with(const std::vector<std::string>& labels,
                           const std::vector<std::string>& choices = {"red", "green", "blue"}) {
  std::vector<Row> rows;
  for (const std::string& label : labels) {
    Row row;
    row.line = rows.size() + 1;
    row.choices = choices;
    if (!label.empty()) row.labels = {label};
    rows.push_back(row);
  }
  return rows;
}

TEST(ChoiceLabels, AllRowsDecide) {
  EXPECT_EQ(choice_labels(rows_with({"1", "0", "", "2"})).indices, (Indices{1, 0, -1, 2}));
  EXPECT_EQ(choice_labels(rows_with({"1", "3", "2"})).indices, (Indices{0, 2, 1}));
  EXPECT_EQ(choice_labels(rows_with({"1", "2"})).writing, ChoiceWriting::from_1);
  EXPECT_EQ(choice_labels(rows_with({"C", "a"})).indices, (Indices{2, 0}));
  EXPECT_EQ(choice_labels(rows_with({"green", "red"})).indices, (Indices{1, 0}));
  EXPECT_EQ(choice_labels(rows_with({"8", "7"}, {"7", "8"})).indices, (Indices{1, 0}));
  EXPECT_EQ(choice_labels(rows_with({"", ""})).indices, (Indices{-1, -1}));
}

TEST(ChoiceLabels, TheWritingOfTheTrainingData) {
  EXPECT_EQ(choice_labels(rows_with({"1", "2"}), ChoiceWriting::from_0).indices, (Indices{1, 2}));
  const std::string message = error_of(ErrorCode::corrupt, [] {
    choice_labels(rows_with({"1", "3"}), ChoiceWriting::from_0);
  });
  EXPECT_NE(message.find("line 2: the label of a choice must be numbers from 0; '3'"), message.npos)
      << message;
}

TEST(ChoiceLabels, WhatFitsNoWayIsAnError) {
  for (const auto& labels : std::vector<std::vector<std::string>>{
           {"1", "4"}, {"0", "3"}, {"A", "1"}, {"red", "yellow"}, {"D"}, {"-1"}}) {
    const std::string message =
        error_of(ErrorCode::corrupt, [&] { choice_labels(rows_with(labels)); });
    EXPECT_NE(message.find("does not fit its 3 choices"), message.npos) << message;
  }
  error_of(ErrorCode::corrupt, [] { choice_labels(rows_with({"same"}, {"same", "same"})); });
}

}  // namespace
}  // namespace stemma::labelled
