// Two tasks on one trunk: how their losses share a step, and a run that learns both.
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "tasks/finetune.h"
#include "tasks/seeds.h"
#include "tasks/task_model.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/tasks/tiny_model.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

// Texts of letters: whether one begins with a vowel (60 rows), and which of three endings it has
// (30 rows).
class MultiTask : public testing::Test {
 protected:
  MultiTask() {
    write_tiny_model(folder_ / "base", "bert", 0);
    write_table("vowel.tsv", 60, [](int i) { return i % 2 ? "vowel" : "other"; });
    write_table("ending.tsv", 30, [](int i) { return i % 3 == 0 ? "x" : i % 3 == 1 ? "y" : "z"; });
    write_recipe("vowel.tsv");
    recipe_.model = (folder_ / "base").string();
    recipe_.train = recipe_.test = (folder_ / "vowel.tsv").string();
    recipe_.dev = recipe_.train;
    recipe_.epochs = 30;
    recipe_.batch = 10;
    recipe_.learning_rate = 2e-3;
    recipe_.precision = "f32";
    recipe_.threads = 1;
    recipe_.small_changes = false;
    recipe_.name = "vowel";
    recipe_.also = {write_recipe("ending.tsv")};
  }

  template <class Label>
  void write_table(const char* name, int rows, Label label) const {
    std::ofstream file(folder_ / name);
    file << "text\tlabel\n";
    for (int i = 0; i < rows; ++i)
      file << fmt::format("{}{} {}\t{}\n", i % 2 ? 'a' : 'b', static_cast<char>('c' + i % 11),
                          "xyz"[i % 3], label(i));
  }
  std::string write_recipe(const std::string& data, const std::string& more = "") const {
    const fs::path path = folder_ / (fs::path(data).stem().string() + ".toml");
    const std::string file = (folder_ / data).string();
    std::ofstream(path) << fmt::format(
        "task = \"classification\"\ntrain = \"{0}\"\ndev = \"{0}\"\ntest = \"{0}\"\nbatch = "
        "999\n{1}",
        file, more);
    return path.string();
  }
  FinetuneResult run(const std::string& name = "run") const {
    return run_finetune(recipe_, folder_ / name, train::Resume::never);
  }
  double accuracy(const Json& report) const { return report.at("accuracy").as_double(); }

  TemporaryFolder folder_;
  FinetuneRecipe recipe_;
};

TEST_F(MultiTask, LearnsBothAndAnswersForEach) {
  const FinetuneResult result = run();
  EXPECT_EQ(result.steps, 30 * 90 / 10);  // the batch of the run, not 999
  const auto report = [&](const fs::path& path) {
    return Json::parse(read_file(folder_ / "run" / path), path.string());
  };
  EXPECT_GE(accuracy(report("report.json")), 0.95);
  EXPECT_GE(accuracy(report("ending/report.json")), 0.95);
  EXPECT_NE(read_file(folder_ / "run/ending/recipe.toml").find("batch = 999"), std::string::npos);
  const std::string metrics = read_file(folder_ / "run/metrics.jsonl");
  for (const char* column :
       {"\"vowel_loss\"", "\"ending_loss\"", "\"val_accuracy\"", "\"val_ending_accuracy\""})
    EXPECT_NE(metrics.find(column), std::string::npos) << column;
  const TaskModel first = TaskModel::open(folder_ / "run", {.precision = "f32"});
  const TaskModel second = TaskModel::open(folder_ / "run", {.head = "ending", .precision = "f32"});
  EXPECT_EQ(first.task().description().labels, (std::vector<std::string>{"other", "vowel"}));
  EXPECT_EQ(second.task().description().labels, (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_ERROR(TaskModel::open(folder_ / "run", {.head = "none"}), ErrorCode::invalid_argument,
               "its heads are vowel, ending");
}

TEST_F(MultiTask, AnAdapterHoldsAllHeads) {
  recipe_.adapt.adapt = "lora";
  recipe_.adapt.targets = {"all"};
  recipe_.learning_rate = 1e-2;
  run();
  const TaskModel second = TaskModel::open(folder_ / "run", {.head = "ending", .precision = "f32"});
  labelled::Row row;
  row.text = "ac z";
  EXPECT_EQ(second.task()
                .description()
                .labels[static_cast<std::size_t>(second.answer({row}).predictions[0].label)],
            "z");
}

// The columns of a step, without their weights, add up to the loss with them.
TEST_F(MultiTask, WeightsMultiplyALoss) {
  recipe_.epochs = 0.2;
  recipe_.also = {write_recipe("ending.tsv", "task_weight = 0.25\n")};
  run();
  const std::string metrics = read_file(folder_ / "run/metrics.jsonl");
  const Json line = Json::parse(metrics.substr(0, metrics.find('\n')), "metrics");
  EXPECT_NEAR(line.at("loss").as_double(),
              line.at("vowel_loss").as_double() + 0.25 * line.at("ending_loss").as_double(), 1e-5);
}

TEST_F(MultiTask, WhatCannotBeIsRefused) {
  recipe_.also = {(folder_ / "vowel.toml").string()};
  EXPECT_ERROR(run(), ErrorCode::invalid_argument, "two tasks are called 'vowel'");
  recipe_.also = {(folder_ / "none.toml").string()};
  EXPECT_ERROR(run(), ErrorCode::not_found, "none.toml");
  recipe_.also = {write_recipe("ending.tsv", "name = \"a/b\"\n")};
  EXPECT_ERROR(run(), ErrorCode::invalid_argument, "'a/b'");
  recipe_.also = {write_recipe("ending.tsv", "also = [\"x.toml\"]\n")};
  EXPECT_ERROR(run(), ErrorCode::invalid_argument, "names further tasks itself");
  recipe_.also = {write_recipe("ending.tsv", "name = \"checkpoints\"\n")};
  EXPECT_ERROR(run(), ErrorCode::invalid_argument, "cannot be called 'checkpoints'");
  std::ofstream(folder_ / "bare.toml") << "task = \"classification\"\n";
  recipe_.also = {(folder_ / "bare.toml").string()};
  EXPECT_ERROR(run(), ErrorCode::invalid_argument, "bare.toml has no data");
}

// The recipe of a further task lies outside the run's folder: what it says must stay.
TEST_F(MultiTask, GoesOnOnlyWithTheSameRecipes) {
  recipe_.epochs = 0.2;
  run();
  const auto again = [&] { run_finetune(recipe_, folder_ / "run", train::Resume::automatic); };
  again();
  for (const char* more :
       {"task_weight = 0.25\n", "label_smoothing = 0.1\n", "head = \"mean\"\n"}) {
    write_recipe("ending.tsv", more);
    EXPECT_ERROR(again(), ErrorCode::corrupt, "recipes of further tasks");
  }
}

TEST_F(MultiTask, OfOneTaskAloneTheWeightIsNotUsed) {
  recipe_.also.clear();
  recipe_.epochs = 0.2;
  const FinetuneResult whole = run("whole");
  recipe_.task_weight = 0.01;
  EXPECT_EQ(whole.loss, run("weighed").loss);
}

// A correlation with equal numbers is no number, which must not keep the best weights from being
// chosen by the others.
TEST_F(MultiTask, AFigureThatIsNoNumberLeavesTheMean) {
  std::ofstream(folder_ / "alike.tsv") << "sentence1\tsentence2\tscore\nab x\tac y\t1.5\n"
                                          "ad y\tae x\t2.5\n";
  std::ofstream(folder_ / "equal.tsv") << "sentence1\tsentence2\tscore\nab x\tac y\t1.5\n"
                                          "ad y\tae x\t1.5\n";
  std::ofstream(folder_ / "alike.toml") << fmt::format(
      "task = \"similarity\"\nproblem = \"regression\"\ntrain = \"{0}/alike.tsv\"\n"
      "dev = \"{0}/equal.tsv\"\n",
      folder_.path().string());
  recipe_.also = {(folder_ / "alike.toml").string()};
  recipe_.epochs = 1;
  EXPECT_GE(run().best_step, 0);
}

TEST_F(MultiTask, SeveralSeedsHaveAllReports) {
  recipe_.epochs = 0.2;
  recipe_.seeds = 2;
  run_seeds(recipe_, folder_ / "run", train::Resume::never, {});
  for (const char* name : {"report.json", "report.md", "report.html"})
    EXPECT_TRUE(fs::exists(folder_ / "run/ending" / name)) << name;
}

}  // namespace
}  // namespace stemma::tasks
