#include "tasks/metrics/multi_label.h"

#include "tests/base/expect_error.h"
#include "tests/tasks/metrics/golden.h"

namespace stemma::tasks {
namespace {

using metrics_golden::numbers;
using metrics_golden::strings;

TEST(MultiLabel, EqualsScikitLearn) {
  const Json file = metrics_golden::read("multi_label");
  for (const Json& c : file.at("cases").as_array()) {
    const std::string name = c.at("name").as_string();
    const auto labels = strings(c.at("labels"));
    const auto gold = numbers<std::uint8_t>(c.at("gold"));
    const auto predicted = numbers<std::uint8_t>(c.at("predicted"));
    const MultiLabelResult result =
        evaluate_multi_label({labels, gold, predicted}, metrics_golden::settings(file, c));
    metrics_golden::expect_figures(result.figures, c, name);
    metrics_golden::expect_averages(result.averages, c, name);
    metrics_golden::expect_scores(result.samples, c.at("samples"), name + " samples");
    for (std::size_t k = 0; k < labels.size(); ++k)
      metrics_golden::expect_scores(result.classes[k].scores, c.at("classes").as_array()[k],
                                    name + " " + labels[k]);
  }
}

TEST(MultiLabel, AnUnseenLabelMakesItsRowWrong) {
  const std::vector<std::string> labels = {"a", "b"};
  const std::vector<std::uint8_t> marks = {1, 0, 0, 1, 0, 0};
  const std::vector<UnseenLabel> unseen = {{1, "z"}, {2, "z"}};
  const auto result = evaluate_multi_label({labels, marks, marks, unseen}, {});
  EXPECT_DOUBLE_EQ(find_figure(result.figures, "accuracy").value, 1.0 / 3);
  EXPECT_DOUBLE_EQ(find_figure(result.figures, "macro_f1").value, 1.0);
  ASSERT_EQ(result.classes.size(), 3u);
  EXPECT_EQ(result.classes[2].name, "z");
  EXPECT_EQ(result.classes[2].scores.support, 2);
  EXPECT_EQ(result.classes[2].scores.f1, 0);
}

TEST(MultiLabel, RefusesWhatDoesNotFit) {
  const std::vector<std::string> labels = {"a", "b"};
  const std::vector<std::uint8_t> none, three = {1, 0, 1}, two = {1, 0};
  const std::vector<UnseenLabel> outside = {{1, "z"}}, known = {{0, "a"}};
  const auto code = ErrorCode::invalid_argument;
  EXPECT_ERROR(evaluate_multi_label({labels, none, none}, {}), code, "at least one");
  EXPECT_ERROR(evaluate_multi_label({labels, three, three}, {}), code, "rows of 2");
  EXPECT_ERROR(evaluate_multi_label({labels, two, two, outside}, {}), code, "'z' of row 1");
  EXPECT_ERROR(evaluate_multi_label({labels, two, two, known}, {}), code, "'a' of row 0");
}

}  // namespace
}  // namespace stemma::tasks
