#include "tasks/finetune_plan.h"

#include <cmath>
#include <map>

#include "models/family.h"
#include "models/model.h"
#include "tasks/adapt.h"
#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

ModelConfig config_of(const std::string& family, bool pooler = false) {
  ModelConfig c = family_named(family).defaults();
  c.vocab = 257;
  c.context = 64;
  c.channels = 12;
  c.heads = 2;
  c.hidden = 48;
  c.layers = 3;
  c.pooler = pooler;
  return c;
}

checkpoint::ConfigFile file_of(const std::string& family, bool pooler = false) {
  checkpoint::ConfigFile file;
  file.model = config_of(family, pooler);
  return file;
}

LabelSurvey survey_of(std::vector<std::pair<std::string, std::int64_t>> labels,
                      std::string_view problem = kSingleLabel) {
  LabelSurvey survey;
  survey.problem = problem;
  survey.labels = std::move(labels);
  return survey;
}

TEST(Steps, AreTheEpochsInBatches) {
  FinetuneRecipe r;
  r.epochs = 3;
  r.batch = 16;
  EXPECT_EQ(steps_of(r, 16), 3);
  EXPECT_EQ(steps_of(r, 100), 19);  // 300 rows: the last batch goes on into a fourth epoch
  EXPECT_EQ(steps_of(r, 1), 1);
  r.batch = 1;
  EXPECT_EQ(steps_of(r, 7), 21);
  r.epochs = 0.1;
  EXPECT_EQ(steps_of(r, 30), 3);  // 0.1 · 30 is above 3 in f64
  r.epochs = 0.001;
  EXPECT_EQ(steps_of(r, 30), 1);
}

TEST(Schedule, RisesForItsShareOfTheSteps) {
  FinetuneRecipe r;
  r.learning_rate = 1e-3;
  r.warmup = 0.1;
  const train::Schedule s = schedule_of(r, 100);
  EXPECT_EQ(s.warmup, 10);
  EXPECT_DOUBLE_EQ(s.at(10), 1e-3);
  EXPECT_DOUBLE_EQ(s.at(5), 5e-4);
  EXPECT_DOUBLE_EQ(s.at(55), 5e-4);  // linear
  EXPECT_NEAR(s.at(100), 0, 1e-18);
  r.warmup = 0;
  EXPECT_EQ(schedule_of(r, 100).warmup, 0);
}

TEST(Rates, FallByLayerFromTheHeadDown) {
  FinetuneRecipe r;
  r.learning_rate = 2e-5;
  EXPECT_FALSE(rate_factor_of(r, config_of("bert")));  // all alike
  r.layer_decay = 0.5;
  r.head_learning_rate = 1e-3;
  const auto factor = rate_factor_of(r, config_of("bert", true));
  std::map<std::string, double> wanted;
  ModelConfig c = config_of("bert", true);
  c.task_heads = {{"", 2, HeadInput::pooler, true}};
  for (const nn::ParameterSpec& spec : parameters_of(c)) {
    double expected = 1;  // the pooler, right below the head
    if (spec.name.starts_with("class_head")) expected = 50;
    if (spec.name.starts_with("blocks.2.")) expected = 0.5;
    if (spec.name.starts_with("blocks.1.")) expected = 0.25;
    if (spec.name.starts_with("blocks.0.")) expected = 0.125;
    if (spec.name.starts_with("embedding.")) expected = 0.0625;
    EXPECT_DOUBLE_EQ(factor(spec.name), expected) << spec.name;
  }
  EXPECT_DOUBLE_EQ(factor("tag_head.ner.weight"), 50);
  r.layer_decay = 1;
  EXPECT_DOUBLE_EQ(rate_factor_of(r, c)("embedding.tokens"), 1);
  r.head_learning_rate = 0;
  r.layer_decay = 0.9;
  EXPECT_DOUBLE_EQ(rate_factor_of(r, c)("class_head.weight"), 1);
}

TEST(Trained, IsEverythingOrTheHeadOrTheTop) {
  const ModelConfig c = config_of("bert", true);
  AdaptOptions options;
  EXPECT_FALSE(adaptation_of(options, c).trainable);
  const auto expect_trained = [&](const std::vector<std::string>& trained,
                                  const std::vector<std::string>& frozen) {
    const Adaptation adaptation = adaptation_of(options, c);
    EXPECT_FALSE(adaptation.adapter);
    for (const std::string& name : trained) EXPECT_TRUE(adaptation.trainable(name)) << name;
    for (const std::string& name : frozen) EXPECT_FALSE(adaptation.trainable(name)) << name;
  };
  options.adapt = "head";
  EXPECT_EQ(adaptation_of(options, c).usual_rate, 1e-3);
  expect_trained({"class_head.weight", "tag_head.bias", "pooler.weight"},
                 {"embedding.tokens", "blocks.0.norm1.gain", "blocks.2.norm1.gain", "head.weight"});
  options.adapt = "top:2";  // of three
  expect_trained(
      {"class_head.weight", "pooler.weight", "blocks.2.norm1.gain", "blocks.1.norm1.gain"},
      {"embedding.tokens", "blocks.0.norm1.gain"});
  for (const char* bad : {"top:0", "top:4", "top:x", "top:"}) {
    options.adapt = bad;
    EXPECT_ERROR(adaptation_of(options, c), ErrorCode::invalid_argument, "top:N");
  }
}

// One row of each count, with its label; the weights of all rows sum to the number of rows, and
// every label has the same sum.
TEST(ClassWeights, GiveEveryLabelTheSameShare) {
  FinetuneRecipe r;
  r.class_weights = "balanced";
  const LabelSurvey survey = survey_of({{"a", 6}, {"b", 3}, {"c", 1}});
  const TaskDescription task = described(TaskKind::classification, {"a", "b", "c"});
  std::vector<labelled::Row> rows;
  std::vector<EncodedExample> examples;
  for (const auto& [name, count] : survey.labels)
    for (std::int64_t i = 0; i < count; ++i) rows.push_back(text_row("x", {name}));
  examples.resize(rows.size());
  weigh_and_smooth(r, task, survey, rows, examples);
  std::map<std::string, double> sums;
  for (std::size_t i = 0; i < rows.size(); ++i)
    sums[rows[i].labels[0]] += static_cast<double>(examples[i].weight);
  for (const auto& [name, sum] : sums) EXPECT_NEAR(sum, 10.0 / 3, 1e-6) << name;
  r.class_weights = "none";
  examples.assign(rows.size(), {});
  weigh_and_smooth(r, task, survey, rows, examples);
  for (const EncodedExample& e : examples) EXPECT_EQ(e.weight, 1);
}

TEST(LabelSmoothing, SpreadsItsShareOverAllLabels) {
  FinetuneRecipe r;
  r.label_smoothing = 0.1;
  const TaskDescription task = described(TaskKind::classification, {"a", "b", "c", "d"});
  std::vector<EncodedExample> examples(2);
  examples[0].wanted = {0, 0, 1, 0};
  examples[1].wanted = {1, 0, 0, 0, 0, 1, 0, 0};  // two words
  weigh_and_smooth(r, task, survey_of({{"a", 1}}), {text_row("x"), text_row("y")}, examples);
  EXPECT_FLOAT_EQ(examples[0].wanted[2], 0.925f);
  EXPECT_FLOAT_EQ(examples[0].wanted[0], 0.025f);
  EXPECT_FLOAT_EQ(examples[1].wanted[5], 0.925f);
  for (const EncodedExample& e : examples)
    for (std::size_t row = 0; row < e.wanted.size() / 4; ++row) {
      float sum = 0;
      for (std::size_t i = 0; i < 4; ++i) sum += e.wanted[4 * row + i];
      EXPECT_NEAR(sum, 1, 1e-6f);
    }
}

class Describing : public ::testing::Test {
 protected:
  TaskDescription describe(const checkpoint::ConfigFile& file) const {
    return describe_task(recipe_, survey_of({{"a", 3}, {"b", 2}}), file,
                         file.model.causal ? *bytes_ : *letters_);
  }
  FinetuneRecipe recipe_;
  std::shared_ptr<const Tokenizer> letters_ = letter_tokenizer(), bytes_ = byte_tokenizer();
};

TEST_F(Describing, WhatTheFamilyIsMadeFor) {
  EXPECT_EQ(describe(file_of("gpt2")).input, HeadInput::last);
  EXPECT_EQ(describe(file_of("bert", true)).input, HeadInput::pooler);
  EXPECT_EQ(describe(file_of("bert")).input, HeadInput::first);
  EXPECT_EQ(describe(file_of("bert")).marks, std::nullopt);
  const std::int32_t end = *bytes_->end_of_text();
  EXPECT_EQ(describe(file_of("llama")).marks, (Marks{end, end, end}));
  EXPECT_EQ(describe(file_of("gpt2")).max_tokens, 64);  // the model's context
  EXPECT_EQ(describe(file_of("gpt2")).labels, (std::vector<std::string>{"a", "b"}));
  recipe_.head = "mean";
  EXPECT_EQ(describe(file_of("gpt2")).input, HeadInput::mean);
  recipe_.marks = "added";
  EXPECT_EQ(describe(file_of("gpt2")).marks, (Marks{257, 258, 259}));
  recipe_.marks = "own";
  EXPECT_EQ(describe(file_of("gpt2")).marks, std::nullopt);
}

TEST_F(Describing, TasksOfTwoTextsAndOfWords) {
  recipe_.task = "similarity";
  EXPECT_TRUE(describe(file_of("bert")).both_orders);
  recipe_.orders = "one";
  EXPECT_FALSE(describe(file_of("bert")).both_orders);
  recipe_.task = "entailment";
  recipe_.orders = "auto";
  EXPECT_FALSE(describe(file_of("bert")).both_orders);
  recipe_.task = "tokens";
  EXPECT_EQ(describe(file_of("bert")).input, HeadInput::tokens);
  EXPECT_FALSE(describe(file_of("bert")).last_piece);
  EXPECT_TRUE(describe(file_of("gpt2")).last_piece);
}

TEST_F(Describing, WhatCannotBeIsRefused) {
  const auto refused = [&](const std::string& family, const char* says) {
    EXPECT_ERROR(describe(file_of(family)), ErrorCode::invalid_argument, says);
    recipe_ = {};
  };
  recipe_.head = "pooler";
  refused("bert", "no pooler");
  recipe_.task = "tokens", recipe_.head = "mean";
  refused("bert", "--head");
  recipe_.orders = "both";
  refused("bert", "--orders both");
  recipe_.max_tokens = 65;
  refused("gpt2", "the model's context, 64");
  recipe_.task = "entailment", recipe_.long_texts = "window";
  refused("bert", "--long window");
  recipe_.marks = "end";
  refused("bert", "end-of-text");
}

TEST_F(Describing, TheModelGetsItsHeadAndItsMarks) {
  recipe_.marks = "added";
  const checkpoint::ConfigFile base = file_of("gpt2");
  const auto with = [&](const checkpoint::ConfigFile& file) {
    return config_with_heads(recipe_, {describe(file)}, file, *bytes_);
  };
  const checkpoint::ConfigFile c = with(base);
  EXPECT_EQ(c.model.vocab, 260);
  ASSERT_EQ(c.model.task_heads.size(), 1u);
  EXPECT_EQ(c.model.task_heads[0], (TaskHeadConfig{"", 2, HeadInput::last, false}));
  EXPECT_EQ(c.head_labels[0].names, (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(c.pad_token);  // transformers looks for the last token that is none of these
  for (const std::int64_t mark : {257, 258, 259}) EXPECT_NE(*c.pad_token, mark);
  recipe_.dropout = 0.3;
  EXPECT_EQ(with(base).model.attention_dropout, 0.3);
  recipe_ = {};
  const checkpoint::ConfigFile bert = with(file_of("bert", true));
  EXPECT_EQ(bert.model.task_heads[0], (TaskHeadConfig{"", 2, HeadInput::pooler, true}));
  EXPECT_TRUE(bert.model.pooler);
  EXPECT_FALSE(bert.model.token_head || bert.model.pair_head);
  bert.model.validate();
  recipe_.language_model = 0.5;
  EXPECT_ERROR(with(file_of("bert")), ErrorCode::invalid_argument, "--language-model");
  EXPECT_TRUE(with(base).model.token_head);
}

TEST(Resolve, FillsInAndRefuses) {
  FinetuneRecipe r;
  resolve(r, 7e-5);
  EXPECT_EQ(r.micro_batch, r.batch);
  EXPECT_EQ(r.learning_rate, 7e-5);
  r.learning_rate = 1e-4;
  resolve(r, 7e-5);
  EXPECT_EQ(r.learning_rate, 1e-4);
  const auto refused = [](FinetuneRecipe recipe, const char* says) {
    EXPECT_ERROR(resolve(recipe, 5e-5), ErrorCode::invalid_argument, says);
  };
  r = {};
  r.micro_batch = 5;
  refused(r, "multiple of micro_batch");
  r = {};
  r.min_learning_rate = 1;
  refused(r, "min_learning_rate");
  r = {};
  r.epochs = 0;
  refused(r, "epochs must be above 0");
  r.epochs = 0.01;
  resolve(r, 5e-5);
}

TEST(Weights, RefuseTasksThatCannotHaveThem) {
  const auto refused = [](const FinetuneRecipe& recipe, const TaskDescription& task,
                          const char* says) {
    std::vector<EncodedExample> examples;
    EXPECT_ERROR(weigh_and_smooth(recipe, task, {}, {}, examples), ErrorCode::invalid_argument,
                 says);
  };
  FinetuneRecipe r;
  TaskDescription numbers = described(TaskKind::similarity, {"score"});
  numbers.problem = kRegression;
  r = {};
  r.label_smoothing = 0.1;
  refused(r, numbers, "--label-smoothing");
  r = {};
  r.class_weights = "balanced";
  refused(r, numbers, "--class-weights");
  refused(r, described(TaskKind::tokens, {"a", "b"}), "--class-weights");
  refused(r, described(TaskKind::choice, {}), "--class-weights");
}

}  // namespace
}  // namespace stemma::tasks
