#include "tasks/task_batches.h"

#include <map>
#include <set>

#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

// Texts of one word; text i has its own letters. Some are pairs' length, some one letter.
std::string text_of(int i) {
  std::string text;
  for (int n = i % 9; n >= 0; --n) text += static_cast<char>('a' + (i + n) % 26);
  text += static_cast<char>('a' + i / 26 % 26);
  return text;
}

class Batches : public ::testing::Test {
 protected:
  std::shared_ptr<const Task> task_of(TaskKind kind) const {
    TaskDescription d = described(kind, {"neg", "pos"});
    d.both_orders = kind == TaskKind::similarity;
    return make_task(d, *tokenizer_);
  }
  // Of one text each, or of pairs, or of words.
  static std::vector<EncodedExample> examples_of(const Task& task, int count) {
    std::vector<EncodedExample> examples;
    for (int i = 0; i < count; ++i) {
      labelled::Row row = pair_row(text_of(i), "zz", {i % 2 ? "pos" : "neg"});
      if (task.description().kind == TaskKind::tokens)
        row = word_row(text_of(i) + " b" + (i % 3 ? " c d" : ""), {});
      for (std::size_t w = 0; w < row.words.size(); ++w) row.tags.push_back(w ? "neg" : "pos");
      if (task.description().kind == TaskKind::choice) {
        row.labels = {"1"};
        row.choices = {"x", "yy", text_of(i)};
        if (i % 4 == 0) row.choices.pop_back();
      }
      examples.push_back(task.encode(row));
    }
    return examples;
  }
  static Ids ids_of_sequence(const Batch& batch, std::size_t b) {
    return {batch.ids.begin() + batch.offsets[b], batch.ids.begin() + batch.offsets[b + 1]};
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = letter_tokenizer();
};

TEST_F(Batches, AnEpochHasEveryExampleOnce) {
  const auto task = task_of(TaskKind::classification);
  const auto examples = examples_of(*task, 37);
  std::multiset<Ids> wanted;
  for (const EncodedExample& e : examples) wanted.insert(e.texts[0].ids);
  const TaskBatches batches(task, examples, {.seed = 3});
  EXPECT_EQ(batches.examples(), 37);
  std::vector<std::vector<Ids>> orders;
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    Batch batch;
    batches.fill(37 * epoch, 37, 0, batch);
    ASSERT_EQ(batch.sequences(), 37);
    orders.emplace_back();
    for (std::size_t b = 0; b < 37; ++b) orders.back().push_back(ids_of_sequence(batch, b));
    EXPECT_EQ(std::multiset<Ids>(orders.back().begin(), orders.back().end()), wanted);
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
  Batch other;
  TaskBatches(task, examples, {.seed = 4}).fill(0, 37, 0, other);
  Batch same;
  TaskBatches(task, examples, {.seed = 3}).fill(0, 37, 0, same);
  EXPECT_NE(ids_of_sequence(other, 0) == orders[0][0] &&
                ids_of_sequence(other, 1) == orders[0][1] &&
                ids_of_sequence(other, 2) == orders[0][2],
            true);
  EXPECT_EQ(ids_of_sequence(same, 36), orders[0][36]);
}

TEST_F(Batches, CountsAreWhatTheyHold) {
  for (const TaskKind kind : {TaskKind::classification, TaskKind::tokens, TaskKind::entailment,
                              TaskKind::similarity, TaskKind::choice}) {
    const auto task = task_of(kind);
    const TaskBatches batches(task, examples_of(*task, 23), {.seed = 3, .next_tokens = true});
    for (const std::int64_t first : {0, 5, 20, 46, 60}) {
      Batch batch;
      batches.fill(first, 9, 0, batch);
      const train::Counts counts = batches.counts(first, 9);
      EXPECT_EQ(counts.tokens, batch.tokens()) << to_string(kind);
      EXPECT_EQ(counts.heads[0].answers, std::ssize(batch.heads[0].groups) - 1) << to_string(kind);
      EXPECT_EQ(counts.targets, std::count_if(batch.targets.begin(), batch.targets.end(),
                                              [](std::int32_t t) { return t >= 0; }));
      EXPECT_EQ(batch.heads[0].groups.back(), std::ssize(batch.heads[0].wanted));
      for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b)
        EXPECT_LE(batch.offsets[b + 1] - batch.offsets[b], batches.sequence_length());
    }
  }
}

// A step may be cut anywhere: the parts are the whole.
TEST_F(Batches, CutStepsAreTheWholeStep) {
  const auto task = task_of(TaskKind::tokens);
  const TaskBatches batches(
      task, examples_of(*task, 23),
      {.seed = 3, .word_dropout = 0.3, .dropped = kMask, .next_tokens = true});
  Batch whole, part;
  batches.fill(17, 12, 0, whole);
  Ids ids, targets;
  std::vector<std::int64_t> numbers;
  std::vector<float> wanted;
  for (const auto& [first, count] : {std::pair{0, 1}, {1, 6}, {7, 5}}) {
    batches.fill(17 + first, count, first, part);
    ids.insert(ids.end(), part.ids.begin(), part.ids.end());
    targets.insert(targets.end(), part.targets.begin(), part.targets.end());
    numbers.insert(numbers.end(), part.numbers.begin(), part.numbers.end());
    wanted.insert(wanted.end(), part.heads[0].wanted.begin(), part.heads[0].wanted.end());
  }
  EXPECT_EQ(ids, whole.ids);
  EXPECT_EQ(targets, whole.targets);
  EXPECT_EQ(numbers, whole.numbers);
  EXPECT_EQ(wanted, whole.heads[0].wanted);
}

// Every sequence of a batch draws dropout masks of its own.
TEST_F(Batches, SequencesHaveNumbersOfTheirOwn) {
  for (const TaskKind kind : {TaskKind::similarity, TaskKind::choice}) {
    const auto task = task_of(kind);
    const TaskBatches batches(task, examples_of(*task, 23), {});
    Batch batch;
    batches.fill(3, 16, 0, batch);
    EXPECT_EQ(std::set<std::int64_t>(batch.numbers.begin(), batch.numbers.end()).size(),
              batch.numbers.size());
  }
}

TEST_F(Batches, TargetsAreTheNextTokensOfTheSameText) {
  const auto task = task_of(TaskKind::entailment);
  const TaskBatches batches(task, examples_of(*task, 5), {.next_tokens = true});
  Batch batch;
  batches.fill(0, 5, 0, batch);
  for (std::size_t b = 0; b < 5; ++b) {
    Ids ids = ids_of_sequence(batch, b);
    ids.erase(ids.begin());
    ids.push_back(-1);
    EXPECT_EQ(
        Ids(batch.targets.begin() + batch.offsets[b], batch.targets.begin() + batch.offsets[b + 1]),
        ids);
  }
}

TEST_F(Batches, WordDropoutHidesItsShareAndNoMark) {
  const auto task = task_of(TaskKind::entailment);
  const auto examples = examples_of(*task, 400);
  const TaskBatches plain(task, examples, {.seed = 3});
  const TaskBatches batches(task, examples, {.seed = 3, .word_dropout = 0.2, .dropped = kMask});
  std::vector<Ids> epochs;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    Batch batch, again, whole;
    batches.fill(400 * epoch, 400, 0, batch);
    batches.fill(400 * epoch, 400, 0, again);
    plain.fill(400 * epoch, 400, 0, whole);
    EXPECT_EQ(batch.ids, again.ids);
    double hidden = 0, words = 0;
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      const bool mark = whole.ids[i] == kClass || whole.ids[i] == kSeparator;
      words += !mark;
      hidden += batch.ids[i] == kMask;
      ASSERT_TRUE(batch.ids[i] == whole.ids[i] || (!mark && batch.ids[i] == kMask));
    }
    // About 3,000 tokens: a standard error of 0.007.
    EXPECT_NEAR(hidden / words, 0.2, 0.03) << words;
    EXPECT_EQ(batches.counts(400 * epoch, 400).tokens, batch.tokens());
  }
  // Others in each epoch: the same example is not hidden alike.
  std::map<Ids, std::set<Ids>> seen;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    Batch batch, whole;
    batches.fill(400 * epoch, 400, 0, batch);
    plain.fill(400 * epoch, 400, 0, whole);
    for (std::size_t b = 0; b < 400; ++b)
      seen[ids_of_sequence(whole, b)].insert(ids_of_sequence(batch, b));
  }
  std::size_t several = 0;
  for (const auto& [ids, forms] : seen) several += forms.size() > 1;
  EXPECT_GT(several, seen.size() / 2);
}

TEST_F(Batches, NothingToTrainOnIsAnError) {
  const auto task = task_of(TaskKind::classification);
  EXPECT_ERROR(TaskBatches(task, {}, {}), ErrorCode::corrupt, "no labelled row");
}

}  // namespace
}  // namespace stemma::tasks
