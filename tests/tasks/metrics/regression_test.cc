#include "tasks/metrics/regression.h"

#include "tests/base/expect_error.h"
#include "tests/tasks/metrics/golden.h"

namespace stemma::tasks {
namespace {

using metrics_golden::numbers;

TEST(Regression, EqualsScipyAndScikitLearn) {
  const Json file = metrics_golden::read("regression");
  for (const Json& c : file.at("cases").as_array()) {
    const RegressionResult result =
        evaluate_regression(numbers<double>(c.at("gold")), numbers<double>(c.at("predicted")),
                            metrics_golden::settings(file, c));
    metrics_golden::expect_figures(result.figures, c, c.at("name").as_string());
    const bool constant = c.at("name").as_string().starts_with("constant");
    EXPECT_EQ(result.notes.size(), constant ? 1u : 0u) << c.at("name").as_string();
  }
}

TEST(Regression, RefusesWhatDoesNotFit) {
  const std::vector<double> one = {1}, two = {1, 2}, nan = {std::nan("")};
  const auto code = ErrorCode::invalid_argument;
  EXPECT_ERROR(evaluate_regression({}, {}, {}), code, "1 to 2^32 - 1 examples");
  EXPECT_ERROR(evaluate_regression(one, two, {}), code, "as many predicted");
  EXPECT_ERROR(evaluate_regression(nan, one, {}), code, "row 0: values must be finite");
}

}  // namespace
}  // namespace stemma::tasks
