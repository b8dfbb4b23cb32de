// Fine-tuning with AdaLoRA: what the run's folder and report say of ranks, and a run that goes on.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/adapter_folder.h"
#include "checkpoint/run_folder.h"
#include "tasks/finetune.h"
#include "tests/base/expect_error.h"
#include "tests/tasks/small_run.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

class AdaLoraRun : public SmallRun {
 protected:
  AdaLoraRun() {
    recipe_.train = rows("train.tsv", 80);
    recipe_.dev = rows("dev.tsv", 16);
    recipe_.epochs = 4;
    recipe_.small_changes = false;
    recipe_.adapt.adapt = "adalora";
    recipe_.adapt.budget.init_rank = 4;
    recipe_.adapt.rank = 2;
  }
};

std::int64_t ranks_in(const fs::path& folder) {
  std::int64_t ranks = 0;
  const checkpoint::SafetensorsReader file(folder / checkpoint::kAdapterWeights);
  for (const auto& tensor : file.tensors())
    if (tensor.name.ends_with(".lora_E")) ranks += tensor.shape[0];
  return ranks;
}

TEST_F(AdaLoraRun, WritesTheRanksThatWereLeft) {
  const fs::path run = folder_.path() / "run";
  const FinetuneResult r = run_finetune(recipe_, run, train::Resume::never);
  ASSERT_EQ(r.steps, 40);
  // The best of the weights that keep to the budget: of two evaluations, after 30 and 40 steps.
  EXPECT_GE(r.best_step, 29);
  const Json config = Json::parse(read_file(run / "adapter_config.json"), "config");
  EXPECT_EQ(config.at("peft_type").as_string(), "ADALORA");
  EXPECT_EQ(config.at("total_step").as_int(), 40);
  EXPECT_EQ(config.at("tinit").as_int(), 4);
  EXPECT_EQ(config.at("tfinal").as_int(), 12);
  const std::size_t matrices = config.at("target_modules").as_array().size();
  EXPECT_EQ(config.at("rank_pattern").as_object().size(), matrices);
  EXPECT_EQ(ranks_in(run), 2 * static_cast<std::int64_t>(matrices));
  const auto note = std::find_if(r.report.notes.begin(), r.report.notes.end(), [](const auto& n) {
    return n.starts_with("AdaLoRA left these ranks, of 4 in each matrix at the start: layer 0: ");
  });
  EXPECT_NE(note, r.report.notes.end());
  EXPECT_NE(read_file(run / "metrics.jsonl").find("\"orthogonality\""), std::string::npos);
}

// Ended by a signal after its first checkpoint.
TEST_F(AdaLoraRun, GoesOnWithTheSameBits) {
  recipe_.epochs = 40;  // long enough for the signal to come before the end
  const fs::path whole = folder_.path() / "whole", run = folder_.path() / "run";
  run_finetune(recipe_, whole, train::Resume::never);
  std::atomic<int> signal{0};
  std::atomic<bool> ended{false};
  std::thread watcher([&] {
    while (!ended && !fs::exists(checkpoint::checkpoint_folder(run, 10)))
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    signal = SIGTERM;
  });
  const FinetuneResult stopped =
      run_finetune(recipe_, run, train::Resume::never, Interrupt(signal));
  ended = true;
  watcher.join();
  ASSERT_EQ(stopped.signal, SIGTERM) << "the signal came after the end";
  EXPECT_FALSE(fs::exists(run / "adapter_config.json"));
  run_finetune(recipe_, run, train::Resume::automatic);
  EXPECT_EQ(read_file(run / checkpoint::kAdapterWeights),
            read_file(whole / checkpoint::kAdapterWeights));
  EXPECT_EQ(read_file(run / checkpoint::kAdapterConfig),
            read_file(whole / checkpoint::kAdapterConfig));
}

TEST_F(AdaLoraRun, RefusesABudgetThatNoStepWouldShareOut) {
  const auto run = [&](auto change) {
    FinetuneRecipe recipe = recipe_;
    change(recipe);
    run_finetune(recipe, folder_.path() / "refused", train::Resume::never);
  };
  EXPECT_ERROR(run([](FinetuneRecipe& r) { r.adapt.budget.warmup = 0.8; }),
               ErrorCode::invalid_argument, "budget_warmup");
  EXPECT_ERROR(run([](FinetuneRecipe& r) { r.adapt.rank = 4; }), ErrorCode::invalid_argument,
               "init_rank (4)");
  EXPECT_ERROR(run([](FinetuneRecipe& r) { r.adapt.rank_stabilised = true; }),
               ErrorCode::invalid_argument, "--rank-stabilised");
  EXPECT_ERROR(run([](FinetuneRecipe& r) { r.adapt.budget.init_rank = 500; }),
               ErrorCode::invalid_argument, "smaller side");
  EXPECT_FALSE(fs::exists(folder_.path() / "refused"));
}

}  // namespace
}  // namespace stemma::tasks
