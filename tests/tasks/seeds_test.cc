// Runs of several seeds, with a tiny BERT and sentences of one good or bad word.
#include "tasks/seeds.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/tasks/small_run.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

class Seeds : public SmallRun {
 protected:
  Seeds() {
    recipe_.train = rows("train.tsv", 48);
    recipe_.dev = rows("dev.tsv", 16);
    recipe_.test = rows("test.tsv", 24);
    recipe_.epochs = 2;
    recipe_.learning_rate = 1e-3;
    recipe_.seed = 4;
    recipe_.seeds = 2;
  }

  fs::path run() const { return folder_.path() / "run"; }
  fs::path seed(int number) const { return run() / fmt::format("seed-{}", number); }
};

Json report_in(const fs::path& folder) {
  return Json::parse(read_file(folder / "report.json"), "report.json");
}

const SeedFigure& seed_figure(const Report& report, std::string_view name) {
  for (const SeedFigure& figure : report.seed_figures)
    if (figure.name == name) return figure;
  throw Error(ErrorCode::not_found, fmt::format("[test] no figure {}", name));
}

// The run folder has the model and the report of the best seed.
void expect_best_is_published(const fs::path& run, const Report& report) {
  double best = -1;
  std::uint64_t chosen = 0;
  for (const std::uint64_t number : report.seeds) {
    const Json of_seed = report_in(run / fmt::format("seed-{}", number));
    double dev = -1;
    for (const Json& point : of_seed.at("curve").at("points").as_array())
      dev = std::max(dev, point.get("dev", -1.0));
    if (dev > best) best = dev, chosen = number;
  }
  const fs::path from = run / fmt::format("seed-{}", chosen);
  EXPECT_EQ(read_file(run / "model.safetensors"), read_file(from / "model.safetensors"));
  EXPECT_TRUE(fs::exists(run / "stemma_task.json"));
  EXPECT_NE(report.notes.front().find(fmt::format("seed {}", chosen)), std::string::npos)
      << report.notes.front();
  const Json whole = report_in(run), one = report_in(from);
  for (const char* part : {"accuracy", "worst", "calibration", "confusion_matrix", "curve"})
    EXPECT_EQ(whole.at(part).dump(), one.at(part).dump()) << part;
}

TEST_F(Seeds, HaveAFolderEachAndOneReport) {
  const FinetuneResult r = run_seeds(recipe_, run(), train::Resume::never);
  EXPECT_EQ(r.signal, 0);
  EXPECT_EQ(r.report.seeds, (std::vector<std::uint64_t>{4, 5}));
  for (const char* name : {"accuracy", "macro_f1", "accuracy_under_small_changes"}) {
    const SeedFigure& figure = seed_figure(r.report, name);
    ASSERT_EQ(figure.values.size(), 2u);
    for (int i = 0; i < 2; ++i) {
      const Json of_seed = report_in(seed(4 + i));
      const Json& value = std::string_view(name).ends_with("changes")
                              ? of_seed.at("under_small_changes").at("accuracy")
                              : of_seed.at(name);
      EXPECT_EQ(figure.values[static_cast<std::size_t>(i)], value.as_double()) << name;
    }
  }
  EXPECT_EQ(seed_figure(r.report, "ece").values[1],
            report_in(seed(5)).at("calibration").at("ece").as_double());
  EXPECT_NE(read_file(seed(4) / "model.safetensors"), read_file(seed(5) / "model.safetensors"));
  EXPECT_EQ(report_in(run()).at("seeds").at("figures").at("accuracy").at("values").dump(),
            fmt::format("[{}, {}]", report_in(seed(4)).at("accuracy").dump(),
                        report_in(seed(5)).at("accuracy").dump()));
  expect_best_is_published(run(), r.report);
}

TEST_F(Seeds, ThatAreDoneAreNotTrainedAgain) {
  run_seeds(recipe_, run(), train::Resume::never);
  const std::string metrics = read_file(seed(4) / "metrics.jsonl");
  const std::string weights = read_file(seed(5) / "model.safetensors");
  EXPECT_ERROR(run_seeds(recipe_, run(), train::Resume::never), ErrorCode::invalid_argument,
               "--resume auto");
  recipe_.seeds = 3;
  const FinetuneResult r = run_seeds(recipe_, run(), train::Resume::automatic);
  EXPECT_EQ(r.report.seeds.size(), 3u);
  EXPECT_EQ(seed_figure(r.report, "accuracy").values.size(), 3u);
  EXPECT_EQ(read_file(seed(4) / "metrics.jsonl"), metrics);
  EXPECT_EQ(read_file(seed(5) / "model.safetensors"), weights);
  EXPECT_TRUE(fs::exists(seed(6) / "report.json"));
  expect_best_is_published(run(), r.report);
}

TEST_F(Seeds, GoOnAfterAnInterrupt) {
  std::atomic<int> signal{SIGTERM};
  const FinetuneResult stopped = run_seeds(recipe_, run(), train::Resume::never, Interrupt(signal));
  EXPECT_EQ(stopped.signal, SIGTERM);
  EXPECT_FALSE(fs::exists(run() / "report.json"));
  EXPECT_FALSE(fs::exists(seed(5)));
  const FinetuneResult r = run_seeds(recipe_, run(), train::Resume::automatic);
  EXPECT_EQ(r.signal, 0);
  expect_best_is_published(run(), r.report);
  // As without the interrupt.
  const FinetuneResult whole = run_seeds(recipe_, folder_.path() / "whole", train::Resume::never);
  EXPECT_EQ(read_file(folder_.path() / "whole" / "seed-4" / "model.safetensors"),
            read_file(seed(4) / "model.safetensors"));
}

TEST_F(Seeds, RefuseWhatDoesNotFitTheFolder) {
  run_seeds(recipe_, run(), train::Resume::never);
  FinetuneRecipe other = recipe_;
  other.seeds = 1;
  EXPECT_ERROR(run_seeds(other, run(), train::Resume::automatic), ErrorCode::invalid_argument,
               "holds a run of 2 seeds");
  other = recipe_;
  other.learning_rate = 2e-3;
  EXPECT_ERROR(run_seeds(other, run(), train::Resume::automatic), ErrorCode::invalid_argument,
               "learning_rate");
  other = recipe_;
  other.seeds = 1;
  const fs::path single = folder_.path() / "single";
  EXPECT_TRUE(run_seeds(other, single, train::Resume::never).report.seeds.empty());
  EXPECT_ERROR(run_seeds(recipe_, single, train::Resume::automatic), ErrorCode::invalid_argument,
               "holds a run of one seed");
}

TEST_F(Seeds, ThatCannotBeginLeaveNoRun) {
  const std::string train = recipe_.train;
  recipe_.train = (folder_.path() / "nowhere.tsv").string();
  EXPECT_ERROR(run_seeds(recipe_, run(), train::Resume::never), ErrorCode::not_found, "nowhere");
  recipe_.train = train;
  recipe_.epochs = 0.1;
  EXPECT_EQ(run_seeds(recipe_, run(), train::Resume::never).report.seeds.size(), 2u);
}

}  // namespace
}  // namespace stemma::tasks
