#include "tasks/metrics/choice.h"

#include "tests/base/expect_error.h"
#include "tests/tasks/metrics/golden.h"

namespace stemma::tasks {
namespace {

// A share of hits is the accuracy of any labels, so scikit-learn's golden values serve here too.
TEST(Choice, EqualsScikitLearnsAccuracy) {
  const Json file = metrics_golden::read("single_label");
  for (const Json& c : file.at("cases").as_array()) {
    const auto gold = metrics_golden::numbers<int>(c.at("gold"));
    const auto predicted = metrics_golden::numbers<int>(c.at("predicted"));
    const auto figures = evaluate_choice(gold, predicted, metrics_golden::settings(file, c));
    ASSERT_EQ(figures.size(), 1u);
    metrics_golden::expect_close(figures[0].value, c.at("figures").at("accuracy"), "accuracy");
    if (!figures[0].interval) continue;
    const auto& interval = c.at("intervals").at("accuracy").as_array();
    metrics_golden::expect_close(figures[0].interval->low, interval[0], "low");
    metrics_golden::expect_close(figures[0].interval->high, interval[1], "high");
  }
}

TEST(Choice, RefusesWhatDoesNotFit) {
  const std::vector<int> one = {1}, two = {1, 2};
  EXPECT_ERROR(evaluate_choice(one, two, {}), ErrorCode::invalid_argument, "as many");
  EXPECT_ERROR(evaluate_choice({}, {}, {}), ErrorCode::invalid_argument, "examples");
  EXPECT_ERROR(evaluate_choice(one, one, {.resamples = -1}), ErrorCode::invalid_argument, "-1");
}

}  // namespace
}  // namespace stemma::tasks
