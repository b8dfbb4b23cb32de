// Reads tests/golden/fixtures/metrics and compares figures with what the peers gave.
#pragma once

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "tasks/metrics/bootstrap.h"
#include "tasks/metrics/scores.h"

namespace metrics_golden {

// The last digits: sums of the peers run in another order (numpy adds in pairs), so 1e-12 of the
// value, and 1e-14 where the value is what is left of terms near 1 (a correlation of nearly 0).
inline void expect_close(double got, const stemma::Json& expected, const std::string& what) {
  if (expected.is_null()) {
    EXPECT_TRUE(std::isnan(got)) << what << ": " << got;
    return;
  }
  const double value = expected.as_double();
  EXPECT_LE(std::abs(got - value), 1e-12 * std::abs(value) + 1e-14)
      << what << ": " << got << " " << value;
}

inline stemma::Json read(const std::string& name) {
  const std::filesystem::path path =
      std::filesystem::path(STEMMA_SOURCE_DIR) / "tests/golden/fixtures/metrics" / (name + ".json");
  return stemma::Json::parse(stemma::read_file(path), path.string());
}

inline stemma::tasks::BootstrapSettings settings(const stemma::Json& file, const stemma::Json& c) {
  return {c.find("intervals") != nullptr ? static_cast<int>(file.at("resamples").as_int()) : 0,
          static_cast<std::uint64_t>(file.at("seed").as_int())};
}

template <typename T>
std::vector<T> numbers(const stemma::Json& array) {
  std::vector<T> values;
  for (const stemma::Json& item : array.as_array()) {
    if (item.is_array())
      for (T value : numbers<T>(item)) values.push_back(value);
    else
      values.push_back(static_cast<T>(item.as_double()));
  }
  return values;
}

inline std::vector<std::string> strings(const stemma::Json& array) {
  std::vector<std::string> values;
  for (const stemma::Json& item : array.as_array()) values.push_back(item.as_string());
  return values;
}

// expected: [precision, recall, F1] or with support.
inline void expect_scores(const stemma::tasks::Scores& got, const stemma::Json& expected,
                          const std::string& what) {
  const auto& values = expected.as_array();
  expect_close(got.precision, values[0], what + " precision");
  expect_close(got.recall, values[1], what + " recall");
  expect_close(got.f1, values[2], what + " f1");
  if (values.size() > 3) {
    EXPECT_EQ(got.support, values[3].as_int()) << what;
  }
}

inline void expect_averages(const stemma::tasks::Averages& got, const stemma::Json& c,
                            const std::string& what) {
  expect_scores(got.micro, c.at("averages").at("micro"), what + " micro");
  expect_scores(got.macro, c.at("averages").at("macro"), what + " macro");
  expect_scores(got.weighted, c.at("averages").at("weighted"), what + " weighted");
}

// Every figure, and its interval where the case has intervals.
inline void expect_figures(const std::vector<stemma::tasks::Figure>& got, const stemma::Json& c,
                           const std::string& what) {
  EXPECT_EQ(got.size(), c.at("figures").as_object().size()) << what;
  for (const auto& [name, value] : c.at("figures").as_object()) {
    const stemma::tasks::Figure& figure = find_figure(got, name);
    expect_close(figure.value, value, what + " " + name);
    const stemma::Json* intervals = c.find("intervals");
    ASSERT_EQ(figure.interval.has_value(), intervals != nullptr) << what;
    if (intervals == nullptr) continue;
    const stemma::Json& interval = intervals->at(name);
    const auto of = [&](std::size_t i) {
      return interval.is_null() ? stemma::Json() : interval.as_array()[i];
    };
    expect_close(figure.interval->low, of(0), what + " low of " + name);
    expect_close(figure.interval->high, of(1), what + " high of " + name);
    expect_close(figure.interval->standard_error, of(2), what + " standard error of " + name);
  }
}

}  // namespace metrics_golden
