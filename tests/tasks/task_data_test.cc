#include "tasks/task_data.h"

#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

using Labels = std::vector<std::pair<std::string, std::int64_t>>;

TaskRows rows_with(const std::vector<std::vector<std::string>>& labels) {
  TaskRows rows{"train.csv", {}};
  for (const auto& each : labels) {
    rows.rows.push_back(text_row("text", each));
    rows.rows.back().line = rows.rows.size() + 1;
  }
  return rows;
}

LabelSurvey survey_of(TaskRows rows, TaskKind kind = TaskKind::classification,
                      const std::string& problem = "auto") {
  return survey_labels(rows, kind, problem);
}

TEST(Survey, CountsLabelsInTheirOrder) {
  const LabelSurvey words = survey_of(rows_with({{"pos"}, {"neg"}, {"pos"}, {}, {"O"}}));
  EXPECT_EQ(words.labels, (Labels{{"O", 1}, {"neg", 1}, {"pos", 2}}));
  EXPECT_EQ(words.problem, kSingleLabel);
  EXPECT_EQ(words.unlabelled, 1);
  const LabelSurvey numbers = survey_of(rows_with({{"10"}, {"9"}, {"-1"}, {"2"}}));
  EXPECT_EQ(numbers.labels, (Labels{{"-1", 1}, {"2", 1}, {"9", 1}, {"10", 1}}));
}

// An order of all names, whatever is mixed: numbers, almost-numbers, "nan".
TEST(Survey, MixedNamesKeepTheirCounts) {
  const std::vector<std::vector<std::string>> labels = {{"2"},   {"10"},  {"1a"},  {"nan"},
                                                        {"10"},  {"nan"}, {"1.0"}, {"1"},
                                                        {"inf"}, {"O"},   {"2"},   {"2"}};
  const Labels wanted = {{"O", 1},  {"1", 1},  {"1.0", 1}, {"2", 3},
                         {"10", 2}, {"1a", 1}, {"inf", 1}, {"nan", 2}};
  EXPECT_EQ(survey_of(rows_with(labels)).labels, wanted);
  std::vector<std::vector<std::string>> reversed(labels.rbegin(), labels.rend());
  EXPECT_EQ(survey_of(rows_with(reversed)).labels, wanted);
}

TEST(Survey, DecidesWhatALabelIs) {
  std::vector<std::vector<std::string>> numbers;
  for (int i = 0; i < 11; ++i) numbers.push_back({std::to_string(i) + ".5"});
  EXPECT_EQ(survey_of(rows_with(numbers), TaskKind::similarity).problem, kRegression);
  EXPECT_EQ(survey_of(rows_with(numbers)).problem, kSingleLabel);  // of one text: classes
  numbers.pop_back();
  EXPECT_EQ(survey_of(rows_with(numbers), TaskKind::similarity).problem, kSingleLabel);
  EXPECT_EQ(survey_of(rows_with({{"a"}, {"a", "b"}})).problem, kMultiLabel);
  const LabelSurvey survey =
      survey_of(rows_with({{"-2"}, {"3.5"}}), TaskKind::similarity, std::string(kRegression));
  EXPECT_EQ(survey.least, -2);
  EXPECT_EQ(survey.most, 3.5);
}

// A damaged number among numbers is no reason to learn hundreds of classes.
TEST(Survey, NumbersThatAreNone) {
  std::vector<std::vector<std::string>> numbers;
  for (int i = 0; i < 12; ++i) numbers.push_back({std::to_string(i) + ".5"});
  for (const char* bad : {"nan", "NaN", "inf"}) {
    numbers.push_back({bad});
    EXPECT_ERROR(survey_of(rows_with(numbers), TaskKind::similarity), ErrorCode::corrupt,
                 "line 14");
    EXPECT_ERROR(survey_of(rows_with(numbers), TaskKind::similarity), ErrorCode::corrupt, bad);
    numbers.pop_back();
  }
  EXPECT_ERROR(survey_of(rows_with({{"1"}, {"x"}}), TaskKind::similarity, std::string(kRegression)),
               ErrorCode::corrupt, "line 3");
  EXPECT_ERROR(survey_of(rows_with({{"1"}, {"1"}}), TaskKind::similarity, std::string(kRegression)),
               ErrorCode::corrupt, "every label is 1");
}

TEST(Survey, OneClassIsNothingToLearn) {
  EXPECT_ERROR(survey_of(rows_with({{"a"}, {"a"}})), ErrorCode::corrupt, "one label, 'a'");
}

TEST(Survey, TagsInOneForm) {
  TaskRows rows{"train.conll", {}};
  rows.rows = {word_row("a b c", {"I-PER", "I-PER", "O"}), word_row("d e", {"O", "I-LOC"})};
  const LabelSurvey survey = survey_labels(rows, TaskKind::tokens, "auto");
  EXPECT_EQ(rows.rows[0].tags, (std::vector<std::string>{"B-PER", "I-PER", "O"}));
  EXPECT_EQ(survey.labels, (Labels{{"O", 2}, {"B-LOC", 1}, {"B-PER", 1}, {"I-PER", 1}}));
}

TEST(Survey, ChoicesAsTheirNumbers) {
  TaskRows rows{"train.jsonl", {}};
  for (const char* label : {"B", "A", "C"}) {
    rows.rows.push_back(text_row("x", {label}));
    rows.rows.back().choices = {"p", "q", "r"};
  }
  const LabelSurvey survey = survey_labels(rows, TaskKind::choice, "auto");
  EXPECT_EQ(survey.problem, kChoice);
  EXPECT_EQ(survey.choice, labelled::ChoiceWriting::letters);
  EXPECT_EQ(rows.rows[0].labels, std::vector<std::string>{"1"});
  // Further rows in the same way, whose own labels would fit another one too.
  TaskDescription task = described(TaskKind::choice, {});
  task.choice_labels = "from_1";
  TaskRows more{"test.jsonl", {text_row("x", {"1"})}};
  more.rows[0].choices = {"p", "q"};
  canonical_labels(more, task);
  EXPECT_EQ(more.rows[0].labels, std::vector<std::string>{"0"});
  EXPECT_EQ(choice_name(task, more.rows[0], 1), "2");
  task.choice_labels = "letters";
  EXPECT_EQ(choice_name(task, more.rows[0], 1), "B");
  task.choice_labels = "texts";
  EXPECT_EQ(choice_name(task, more.rows[0], 1), "q");
  task.choice_labels = "from_0";
  EXPECT_EQ(choice_name(task, more.rows[0], 1), "1");
}

TEST(Rows, AreReadAndPlaced) {
  const ::TemporaryFolder folder;
  std::ofstream(folder / "t.csv") << "text,label\nfine,pos\nbad,neg\n";
  const TaskRows rows = read_task_rows(folder / "t.csv", {}, TaskKind::classification);
  ASSERT_EQ(rows.rows.size(), 2u);
  EXPECT_EQ(rows.place(1), "t.csv:3");
  std::ofstream(folder / "u.csv") << "text,label\nfine,\nbad,\n";
  EXPECT_ERROR(read_task_rows(folder / "u.csv", {}, TaskKind::classification), ErrorCode::corrupt,
               "no row has a label");
}

}  // namespace
}  // namespace stemma::tasks
