// What must not change a fine-tuned model or its answers: threads, the micro-batch, a stop and a
// resume, what else is in a batch, the order of two texts.
#include <atomic>
#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.h"
#include "checkpoint/run_folder.h"
#include "checkpoint/safetensors.h"
#include "tasks/finetune.h"
#include "tasks/task_model.h"
#include "tests/base/temporary_folder.h"
#include "tests/tasks/support.h"
#include "tests/tasks/tiny_model.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

// A tiny base, and rows of every task.
class FinetuneIdentity : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  FinetuneIdentity() : family_(std::get<0>(GetParam())), task_(std::get<1>(GetParam())) {
    // "similarity_also": with a second task, which tags words.
    if (task_.ends_with("_also")) {
      task_.resize(task_.size() - std::string_view("_also").size());
      add_second_task();
    }
    // "classification_lora": the task and how the base is adapted.
    if (const std::size_t at = task_.find('_'); at != task_.npos) {
      recipe_.adapt.adapt = task_.substr(at + 1);
      task_.resize(at);
    }
    write_tiny_model(folder_ / "base", family_);
    write_rows(folder_ / "train", 24, 0);
    write_rows(folder_ / "dev", 10, 24);
    recipe_.task = task_;
    recipe_.model = folder_ / "base";
    recipe_.train = folder_ / "train";
    recipe_.dev = folder_ / "dev";
    recipe_.batch = recipe_.micro_batch = 8;
    recipe_.epochs = 2;
    recipe_.learning_rate = 3e-3;
    recipe_.epsilon = 1e-3;  // rounding of a gradient near 0 makes no whole step
    recipe_.precision = "f32";
    recipe_.threads = 2;
    recipe_.max_tokens = 24;
  }

  void add_second_task() {
    std::ofstream words(folder_ / "words.conll");
    for (int i = 0; i < 13; ++i) write_words(words, tiny_text(i, i % 3 == 0));
    std::ofstream(folder_ / "words.toml")
        << "task = \"tokens\"\ndev_fraction = 0\nmax_tokens = 24\ntask_weight = 0.5\n"
        << "train = \"" << (folder_ / "words.conll").string() << "\"\n";
    recipe_.name = "main";
    recipe_.also = {(folder_ / "words.toml").string()};
  }

  void write_rows(const fs::path& path, int rows, int first) const {
    std::ofstream file(path);
    if (task_ == "classification") file << "text,label\n";
    if (task_ == "similarity" || task_ == "entailment") file << "text,other,label\n";
    for (int i = first; i < first + rows; ++i) {
      const std::string text = tiny_text(i, i % 2 == 0), other = tiny_text(i + 3, i % 4 < 2);
      if (task_ == "tokens")
        write_words(file, text + " " + other);
      else if (task_ == "choice")
        file << R"({"text": ")" << text << R"(", "choices": [")" << other << R"(", ")" << text
             << (i % 3 ? R"(", "zz)" : "") << R"("], "label": )" << i % 2 << "}\n";
      else if (task_ == "classification")
        file << text << (i % 2 ? ",one\n" : ",other\n");
      else
        file << text << "," << other << (i % 2 ? ",yes\n" : ",no\n");
    }
  }
  static void write_words(std::ofstream& file, const std::string& text) {
    for (const labelled::ByteRange& word : labelled::words_between_blanks(text)) {
      const char first = text[static_cast<std::size_t>(word.begin)];
      file << text.substr(static_cast<std::size_t>(word.begin),
                          static_cast<std::size_t>(word.end - word.begin))
           << (first < 'c' ? " B-AB\n" : " O\n");
    }
    file << "\n";
  }

  FinetuneResult run(const std::string& name, Interrupt interrupt = {},
                     train::Resume resume = train::Resume::never) const {
    return run_finetune(recipe_, folder_ / name, resume, interrupt);
  }
  // What a run has learned: a whole model or an adapter.
  fs::path weights_file(const std::string& name) const {
    const fs::path whole = folder_ / name / "model.safetensors";
    return fs::exists(whole) ? whole : folder_ / name / "adapter_model.safetensors";
  }
  std::string weights(const std::string& name) const { return read_file(weights_file(name)); }
  // The answers of a run's model to the dev rows, one in a batch, some together, or all.
  std::vector<Prediction> answers(const TaskModel& model, std::vector<labelled::Row> rows,
                                  std::size_t together) const {
    std::vector<Prediction> all;
    for (std::size_t i = 0; i < rows.size(); i += together) {
      const auto end =
          rows.begin() + static_cast<std::ptrdiff_t>(std::min(i + together, rows.size()));
      const Answers some = model.answer({rows.begin() + static_cast<std::ptrdiff_t>(i), end});
      all.insert(all.end(), some.predictions.begin(), some.predictions.end());
    }
    return all;
  }
  std::vector<labelled::Row> dev_rows(const TaskModel& model) const {
    TaskRows rows = read_task_rows(recipe_.dev, recipe_.columns, task_named(task_));
    canonical_labels(rows, model.task().description());
    return rows.rows;
  }

  TemporaryFolder folder_;
  std::string family_, task_;
  FinetuneRecipe recipe_;
};

void expect_same(const Prediction& a, const Prediction& b, std::size_t row) {
  EXPECT_EQ(a.label, b.label) << row;
  EXPECT_EQ(a.probabilities, b.probabilities) << row;
  EXPECT_EQ(a.score, b.score) << row;
  EXPECT_EQ(a.tags, b.tags) << row;
  EXPECT_EQ(a.tag_confidence, b.tag_confidence) << row;
}

TEST_P(FinetuneIdentity, AnyThreadCountGivesTheSameBits) {
  recipe_.threads = 1;
  const FinetuneResult one = run("one");
  for (const int threads : {2, 3}) {
    recipe_.threads = threads;
    const std::string name = "threads" + std::to_string(threads);
    const FinetuneResult more = run(name);
    EXPECT_EQ(more.loss, one.loss);
    EXPECT_EQ(more.best_step, one.best_step);
    EXPECT_EQ(more.best, one.best);
    EXPECT_TRUE(weights(name) == weights("one")) << threads << " threads";
  }
}

// Sums over micro-batches are rounded in another order: within 1e-5.
TEST_P(FinetuneIdentity, AnyMicroBatchGivesTheSameModel) {
  recipe_.dev.clear();
  recipe_.dev_fraction = 0;
  const FinetuneResult whole = run("whole");
  const checkpoint::SafetensorsReader wanted(weights_file("whole"));
  for (const std::int64_t micro_batch : {4, 2, 1}) {
    recipe_.micro_batch = micro_batch;
    const std::string name = "micro" + std::to_string(micro_batch);
    const FinetuneResult split = run(name);
    ASSERT_TRUE(whole.loss && split.loss);
    EXPECT_NEAR(*split.loss, *whole.loss, 1e-5 * std::max(*whole.loss, 0.1));
    const checkpoint::SafetensorsReader got(weights_file(name));
    for (const checkpoint::StoredTensor& stored : wanted.tensors()) {
      const Tensor a = wanted.read(stored, checkpoint::Memory::own);
      const Tensor b = got.read(got.at(stored.name), checkpoint::Memory::own);
      double off = 0, size = 0;
      for (std::int64_t i = 0; i < a.elements(); ++i) {
        const auto x = static_cast<double>(a.data<float>()[i]);
        off += std::pow(x - static_cast<double>(b.data<float>()[i]), 2);
        size += x * x;
      }
      EXPECT_LE(std::sqrt(off), 1e-5 * std::sqrt(size) + 1e-6) << stored.name;
    }
  }
}

TEST_P(FinetuneIdentity, StoppedAndResumedGivesTheSameBits) {
  recipe_.epochs = 8;  // 24 steps
  recipe_.eval_every = 2;
  const FinetuneResult whole = run("whole");
  // A signal that comes once two evaluations have been saved.
  std::atomic<int> signal{0};
  FinetuneResult first;
  {
    std::atomic<bool> ended{false};
    std::thread sender([&] {
      while (!ended && !fs::exists(checkpoint::checkpoint_folder(folder_ / "parts", 4)))
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      signal = 15;
    });
    first = run("parts", Interrupt(signal));
    ended = true;
    sender.join();
  }
  EXPECT_EQ(first.signal, 15);
  ASSERT_LT(first.steps, whole.steps) << "the signal came after the end";
  ASSERT_GT(first.steps, 0);
  EXPECT_FALSE(fs::exists(weights_file("parts")));
  const FinetuneResult second = run("parts", {}, train::Resume::automatic);
  EXPECT_EQ(second.steps, whole.steps);
  EXPECT_EQ(second.loss, whole.loss);
  EXPECT_EQ(second.best_step, whole.best_step);
  EXPECT_EQ(second.best, whole.best);
  EXPECT_TRUE(weights("parts") == weights("whole"));
  EXPECT_EQ(to_json(second.report).dump(1), to_json(whole.report).dump(1));
}

TEST_P(FinetuneIdentity, AnswersDoNotDependOnTheBatch) {
  run("run");
  const TaskModel model = TaskModel::open(folder_ / "run", {.precision = "f32", .threads = 2});
  std::vector<labelled::Row> rows = dev_rows(model);
  const std::vector<Prediction> together = answers(model, rows, rows.size());
  ASSERT_EQ(together.size(), rows.size());
  for (const std::size_t at_once : {1, 3}) {
    const std::vector<Prediction> apart = answers(model, rows, at_once);
    for (std::size_t i = 0; i < rows.size(); ++i) expect_same(apart[i], together[i], i);
  }
  std::reverse(rows.begin(), rows.end());
  const std::vector<Prediction> backwards = answers(model, rows, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    expect_same(backwards[rows.size() - 1 - i], together[i], i);
  const TaskModel one = TaskModel::open(folder_ / "run", {.precision = "f32", .threads = 1});
  const std::vector<Prediction> alone = answers(one, dev_rows(one), 2);
  for (std::size_t i = 0; i < rows.size(); ++i) expect_same(alone[i], together[i], i);
}

INSTANTIATE_TEST_SUITE_P(
    All, FinetuneIdentity,
    ::testing::Combine(::testing::Values("bert", "llama"),
                       ::testing::Values("classification", "tokens", "similarity", "choice",
                                         "classification_lora", "tokens_adapter", "choice_lora",
                                         "classification_prefix", "classification_prompt",
                                         "classification_head", "similarity_top:1",
                                         "similarity_also", "choice_lora_also")),
    [](const auto& each) {
      std::string name = std::get<0>(each.param) + "_" + std::get<1>(each.param);
      std::erase(name, ':');
      return name;
    });

// Both orders are added, so exchanging the two texts changes no bit.
TEST(Similarity, TheOrderOfTwoTextsMakesNoDifference) {
  for (const char* family : {"bert", "llama"}) {
    const TemporaryFolder folder;
    write_tiny_model(folder / "base", family);
    std::ofstream train(folder / "train.csv");
    train << "text,other,label\n";
    for (int i = 0; i < 16; ++i)
      train << tiny_text(i, true) << "," << tiny_text(i, i % 2) << "," << 0.5 * i << "\n";
    train.close();
    FinetuneRecipe recipe;
    recipe.task = "similarity";
    recipe.model = folder / "base";
    recipe.train = folder / "train.csv";
    recipe.dev_fraction = 0;
    recipe.epochs = 1;
    recipe.max_tokens = 16;  // some are cut
    recipe.precision = "f32";
    run_finetune(recipe, folder / "run", train::Resume::never);
    const TaskModel model = TaskModel::open(folder / "run", {.precision = "f32"});
    EXPECT_EQ(model.task().description().problem, kRegression);
    std::set<double> scores;
    for (int i = 0; i < 12; ++i) {
      const std::string a = tiny_text(i, true), b = tiny_text(2 * i + 1, false);
      const double forth = model.answer({pair_row(a, b)}).predictions[0].score;
      const double back = model.answer({pair_row(b, a)}).predictions[0].score;
      EXPECT_EQ(forth, back) << a << " | " << b;
      scores.insert(forth);
    }
    EXPECT_GT(scores.size(), 6u);  // it looks at the texts at all
  }
}

// Rows in which nothing is left to read: alone they have no vector for the head at all.
TEST(Tokens, RowsOfNothingAreAnswered) {
  const TemporaryFolder folder;
  write_tiny_model(folder / "base", "bert");
  std::ofstream(folder / "train.conll")
      << "ab B-X\ncd O\n\ncd O\nab B-X\n\n\u200b O\n\nab B-X\n\u00ad O\ncd O\n\n";
  FinetuneRecipe recipe;
  recipe.task = "tokens";
  recipe.model = folder / "base";
  recipe.train = folder / "train.conll";
  recipe.dev_fraction = 0;
  recipe.precision = "f32";
  const FinetuneResult result = run_finetune(recipe, folder / "run", train::Resume::never);
  EXPECT_TRUE(std::isfinite(result.loss.value()));
  const TaskModel model = TaskModel::open(folder / "run", {.precision = "f32"});
  EXPECT_EQ(model.answer({word_row("\u200b")}).predictions[0].tags, std::vector<std::string>{"O"});
  EXPECT_TRUE(model.answer({word_row("")}).predictions[0].tags.empty());
  EXPECT_EQ(model.answer({word_row(""), word_row("ab"), word_row("\u200b")}).predictions.size(),
            3u);
  const auto alone = model.answer({word_row("ab cd")}).predictions[0];
  const auto among =
      model.answer({word_row("\u200b"), word_row("ab cd"), word_row("")}).predictions[1];
  expect_same(alone, among, 0);
}

}  // namespace
}  // namespace stemma::tasks
