#include "tasks/metrics/single_label.h"

#include "tests/base/expect_error.h"
#include "tests/tasks/metrics/golden.h"

namespace stemma::tasks {
namespace {

using metrics_golden::numbers;
using metrics_golden::strings;

TEST(SingleLabel, EqualsScikitLearn) {
  const Json file = metrics_golden::read("single_label");
  int cases = 0;
  for (const Json& c : file.at("cases").as_array()) {
    const std::string name = c.at("name").as_string();
    const auto labels = strings(c.at("labels")), unseen = strings(c.at("unseen"));
    const auto gold = numbers<int>(c.at("gold")), predicted = numbers<int>(c.at("predicted"));
    const auto p = numbers<double>(c.at("probabilities"));
    const SingleLabelResult result = evaluate_single_label({labels, gold, predicted, p, unseen},
                                                           metrics_golden::settings(file, c));
    metrics_golden::expect_figures(result.figures, c, name);
    metrics_golden::expect_averages(result.averages, c, name);
    const auto& classes = c.at("classes").as_array();
    ASSERT_EQ(result.classes.size(), classes.size()) << name;
    for (std::size_t k = 0; k < classes.size(); ++k)
      metrics_golden::expect_scores(result.classes[k].scores, classes[k],
                                    name + " " + result.classes[k].name);
    EXPECT_EQ(result.confusion.counts, numbers<std::int64_t>(c.at("confusion"))) << name;
    ASSERT_EQ(result.calibration.has_value(), !p.empty()) << name;
    for (std::size_t b = 0; result.calibration && b < kCalibrationBins; ++b) {
      const auto& bin = c.at("bins").as_array()[b].as_array();
      EXPECT_EQ(result.calibration->bins[b].count, bin[0].as_int()) << name << " " << b;
      metrics_golden::expect_close(result.calibration->bins[b].confidence, bin[1], name);
      metrics_golden::expect_close(result.calibration->bins[b].accuracy, bin[2], name);
    }
    ++cases;
  }
  EXPECT_GE(cases, 12);
}

TEST(SingleLabel, UnseenLabelsHaveALineAndANote) {
  const std::vector<std::string> labels = {"a", "b"}, unseen = {"z", "y", "z"};
  const std::vector<int> gold = {0, -1, -1, 1, -1}, predicted = {0, 0, 1, 1, 1};
  const auto result = evaluate_single_label({labels, gold, predicted, {}, unseen}, {});
  ASSERT_EQ(result.classes.size(), 4u);
  EXPECT_EQ(result.classes[2].name, "y");
  EXPECT_EQ(result.classes[3].name, "z");
  EXPECT_EQ(result.classes[3].scores.support, 2);
  EXPECT_EQ(result.confusion.at(3, 0), 1);
  EXPECT_EQ(result.confusion.at(3, 1), 1);
  EXPECT_DOUBLE_EQ(find_figure(result.figures, "accuracy").value, 0.4);
  ASSERT_EQ(result.notes.size(), 1u);
  EXPECT_NE(result.notes[0].find("3 of 5 examples have one of 2 labels"), std::string::npos);
}

TEST(SingleLabel, ThousandResamplesOfManyRowsAreQuick) {
  std::vector<std::string> labels;
  for (int k = 0; k < 77; ++k) labels.push_back(std::to_string(k));
  std::vector<int> gold, predicted;
  for (int i = 0; i < 10000; ++i) {
    gold.push_back(i % 77);
    predicted.push_back(i % 10 == 0 ? (i / 10) % 77 : i % 77);
  }
  const auto result = evaluate_single_label({labels, gold, predicted, {}, {}}, {});
  const Figure& accuracy = find_figure(result.figures, "accuracy");
  // The standard error of a share is known.
  const double error = std::sqrt(accuracy.value * (1 - accuracy.value) / 10000);
  EXPECT_NEAR(accuracy.interval->standard_error, error, 0.1 * error);
  EXPECT_NEAR(accuracy.interval->low, accuracy.value - 1.96 * error, 0.3 * error);
  EXPECT_NEAR(accuracy.interval->high, accuracy.value + 1.96 * error, 0.3 * error);
}

// Sentences of 20 words that are all right or all wrong say no more than one word each.
TEST(SingleLabel, IntervalsDrawGroups) {
  const std::vector<std::string> labels = {"a", "b"};
  std::vector<int> gold, predicted;
  std::vector<std::size_t> sentences = {0}, single;
  for (int i = 0; i < 2000; ++i) {
    single.push_back(gold.size());
    gold.push_back(i % 2);
    predicted.push_back(i / 20 % 5 == 0 ? 1 - i % 2 : i % 2);
    if (i % 20 == 19) sentences.push_back(gold.size());
  }
  single.push_back(gold.size());
  const auto figures = [&](std::span<const std::size_t> groups) {
    return evaluate_single_label({labels, gold, predicted, {}, {}, groups}, {}).figures;
  };
  const std::vector<Figure> by_words = figures({}), by_sentences = figures(sentences),
                            by_one = figures(single);
  for (std::size_t f = 0; f < by_words.size(); ++f) {
    EXPECT_EQ(by_sentences[f].value, by_words[f].value) << by_words[f].name;
    EXPECT_EQ(by_one[f].interval->low, by_words[f].interval->low) << by_words[f].name;
    EXPECT_EQ(by_one[f].interval->standard_error, by_words[f].interval->standard_error);
  }
  EXPECT_DOUBLE_EQ(by_sentences[0].value, 0.8);
  const double error = std::sqrt(0.8 * 0.2 / 100);
  EXPECT_NEAR(by_sentences[0].interval->standard_error, error, 0.1 * error);
}

TEST(SingleLabel, RefusesWhatDoesNotFit) {
  const std::vector<std::string> labels = {"a", "b"}, twice = {"a", "a"}, known = {"a"};
  const std::vector<int> none, one = {1}, two = {0, 1}, high = {2}, without = {-1};
  const std::vector<double> nan = {std::nan(""), 1}, few = {1};
  const auto evaluate = [](const SingleLabelAnswers& answers) {
    evaluate_single_label(answers, {.resamples = 2});
  };
  const auto code = ErrorCode::invalid_argument;
  EXPECT_ERROR(evaluate({labels, none, none, {}, {}}), code, "at least one example");
  EXPECT_ERROR(evaluate({labels, one, two, {}, {}}), code, "as many predicted");
  EXPECT_ERROR(evaluate({labels, one, high, {}, {}}), code, "predicted 2");
  EXPECT_ERROR(evaluate({labels, high, one, {}, {}}), code, "gold 2");
  EXPECT_ERROR(evaluate({labels, without, one, {}, {}}), code, "needs its name");
  EXPECT_ERROR(evaluate({labels, without, one, {}, known}), code, "it is known");
  EXPECT_ERROR(evaluate({twice, one, one, {}, {}}), code, "different names");
  EXPECT_ERROR(evaluate({labels, one, one, nan, {}}), code, "row 0 has nan");
  EXPECT_ERROR(evaluate({labels, one, one, few, {}}), code, "probabilities");
  for (const std::vector<std::size_t>& groups :
       {std::vector<std::size_t>{0}, {1, 2}, {0, 1}, {0, 2, 1, 2}})
    EXPECT_ERROR(evaluate({labels, two, two, {}, {}, groups}), code, "ascend from 0 to 2");
}

TEST(Figures, AnUnknownNameListsTheKnownOnes) {
  const std::vector<Figure> figures = {{"accuracy", 1, {}}, {"macro_f1", 1, {}}};
  EXPECT_ERROR(find_figure(figures, "f1"), ErrorCode::not_found, "accuracy, macro_f1; got 'f1'");
}

}  // namespace
}  // namespace stemma::tasks
