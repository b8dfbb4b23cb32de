#include "train/metrics.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace stemma::train {
namespace {

StepMetrics step(std::int64_t number) {
  const auto n = static_cast<double>(number);
  return {number, 10 * number, 5.0 / n, {}, 1e-3, 0.5, 100, 0.25, 2.0 * n};
}

TEST(Metrics, LinesHaveTheDocumentedKeys) {
  const TemporaryFolder folder;
  {
    MetricsLog log(folder.path(), 0);
    log.write(step(1));
    log.write(EvaluationMetrics{1, 10, {{"val_loss", 4.5}, {"val_bits_per_byte", 2.5}}});
  }
  const std::string text = read_file(folder / "metrics.jsonl");
  const std::size_t end = text.find('\n');
  const Json first = Json::parse(text.substr(0, end), "first");
  for (const char* key :
       {"step", "tokens", "loss", "lr", "grad_norm", "tokens_per_s", "share_of_peak", "seconds"})
    EXPECT_NE(first.find(key), nullptr) << key;
  const Json second = Json::parse(text.substr(end + 1), "second");
  EXPECT_EQ(second.at("val_loss").as_double(), 4.5);
  EXPECT_EQ(second.at("val_bits_per_byte").as_double(), 2.5);
}

TEST(Metrics, AResumeDropsWhatCameAfterTheCheckpointAndATornLine) {
  const TemporaryFolder folder;
  {
    MetricsLog log(folder.path(), 0);
    for (int i = 1; i <= 4; ++i) log.write(step(i));
  }
  std::ofstream(folder / "metrics.jsonl", std::ios::app) << R"({"step": 5, "lo)";
  {
    MetricsLog log(folder.path(), 2);
    EXPECT_EQ(log.seconds_before(), 4.0);
    log.write(step(3));
  }
  const std::string text = read_file(folder / "metrics.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_NE(text.find("\"step\": 3"), std::string::npos);
  EXPECT_EQ(text.find("\"step\": 4"), std::string::npos);
}

TEST(Metrics, ADamagedLineIsNamed) {
  const TemporaryFolder folder;
  std::ofstream(folder / "metrics.jsonl") << "{\"step\": 1}\nnonsense\n{\"step\": 2}\n";
  EXPECT_ERROR(MetricsLog(folder.path(), 5), ErrorCode::corrupt, "metrics.jsonl:2");
}

TEST(Curve, DrawsEveryEvaluationAndStaysSmall) {
  std::vector<CurvePoint> losses, evaluations;
  for (int i = 1; i <= 100000; ++i) losses.push_back({i, 10.0 / (1 + i * 1e-3)});
  for (int i = 1; i <= 5; ++i) evaluations.push_back({20000 * i, 5.0});
  const std::string svg = loss_curve_svg(losses, evaluations);
  EXPECT_LT(svg.size(), 60000u);
  std::size_t dots = 0;
  for (std::size_t at = 0; (at = svg.find("<circle", at)) != std::string::npos; ++at) ++dots;
  EXPECT_EQ(dots, 5u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.rfind("</svg>\n"), svg.size() - 7);
}

TEST(Curve, OnePointIsEnough) {
  const std::vector<CurvePoint> one{{7, 3.0}};
  const std::string svg = loss_curve_svg(one, {});
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace stemma::train
