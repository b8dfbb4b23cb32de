#include "tasks/finetune_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/import_rules.h"
#include "checkpoint/task_heads.h"

namespace stemma::tasks {
namespace {

constexpr std::int64_t kUsualMostTokens = 512;
constexpr std::array<std::string_view, 4> kChoiceNames = {"from_0", "from_1", "letters", "texts"};

[[noreturn]] void refuse_plan(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "[finetune] " + what);
}

HeadInput input_of(const FinetuneRecipe& recipe, const ModelConfig& model) {
  if (recipe.task == to_string(TaskKind::tokens)) {
    if (recipe.head != kAuto)
      refuse_plan("--head is a choice for whole texts; task tokens reads the state of each word");
    return HeadInput::tokens;
  }
  if (recipe.head != kAuto) {
    const HeadInput input = checkpoint::head_input_named(recipe.head);
    if (input == HeadInput::pooler && !model.pooler)
      refuse_plan("this model has no pooler: use --head first or --head mean");
    return input;
  }
  if (model.causal) return HeadInput::last;
  return model.pooler ? HeadInput::pooler : HeadInput::first;
}

std::optional<Marks> marks_of(const FinetuneRecipe& recipe, const ModelConfig& model,
                              const Tokenizer& tokenizer) {
  const std::optional<std::int32_t> end = tokenizer.end_of_text();
  std::string marks = recipe.marks;
  if (marks == kAuto) marks = !model.causal ? "own" : end ? "end" : "added";
  if (marks == "own") return std::nullopt;
  if (marks == "end" && !end)
    refuse_plan("the tokenizer has no end-of-text token to stand around texts: use --marks added");
  if (marks == "end") return Marks{*end, *end, *end};
  const std::string& adapt = recipe.adapt.adapt;
  if (adapt != "full" && adapt != "head" && !adapt.starts_with("top:"))
    refuse_plan(
        "the three new tokens of --marks added are embeddings of the model, which an "
        "adapter does not hold: use --marks own with it");
  const auto first = static_cast<std::int32_t>(model.vocab);
  return Marks{first, first + 1, first + 2};
}

// What the context has for a text, beside virtual tokens.
std::int64_t most_tokens_of(const FinetuneRecipe& recipe, const ModelConfig& model) {
  const std::int64_t added = virtual_tokens_of(recipe.adapt), room = model.context - added;
  if (room < 1)
    refuse_plan(
        fmt::format("virtual_tokens {} leaves no position of the model's context, {}, for "
                    "a text",
                    added, model.context));
  if (recipe.max_tokens > room && added > 0)
    refuse_plan(
        fmt::format("max_tokens {} and virtual_tokens {} together are above the model's "
                    "context, {}",
                    recipe.max_tokens, added, model.context));
  if (recipe.max_tokens > room)
    refuse_plan(fmt::format("max_tokens {} is above the model's context, {}", recipe.max_tokens,
                            model.context));
  return recipe.max_tokens > 0 ? recipe.max_tokens : std::min(kUsualMostTokens, room);
}

// "blocks.3.norm1.gain" is 3; -1 outside the blocks.
std::int64_t layer_of(std::string_view name) {
  const std::string_view number = checkpoint::split_block_name(name).first;
  std::int64_t layer = -1;
  std::from_chars(number.data(), number.data() + number.size(), layer);
  return layer;
}

// A token that stands around no text: what transformers pads with. Its classes look for the last
// token that is none of these, so a mark must not be one.
std::optional<std::int64_t> pad_token(const checkpoint::ConfigFile& model,
                                      const std::optional<Marks>& marks,
                                      const Tokenizer& tokenizer) {
  const auto is_mark = [&](std::int64_t id) {
    return marks && (id == marks->start || id == marks->delimiter || id == marks->extract);
  };
  if (model.pad_token && !is_mark(*model.pad_token)) return model.pad_token;
  for (const auto& [name, id] : tokenizer.special_tokens())
    if (!is_mark(id) && id < model.model.vocab) return id;
  return std::nullopt;
}

}  // namespace

TaskDescription describe_task(const FinetuneRecipe& recipe, const LabelSurvey& survey,
                              const checkpoint::ConfigFile& model, const Tokenizer& tokenizer) {
  TaskDescription task;
  task.name = recipe.name;
  task.kind = task_named(recipe.task);
  task.problem = survey.problem;
  if (survey.problem != kChoice)
    for (const auto& [name, count] : survey.labels) task.labels.push_back(name);
  task.input = input_of(recipe, model.model);
  task.both_orders = task.kind == TaskKind::similarity && recipe.orders != "one";
  if (recipe.orders == "both" && task.kind != TaskKind::similarity)
    refuse_plan("--orders both is for task similarity: elsewhere the order of two texts matters");
  task.marks = marks_of(recipe, model.model, tokenizer);
  task.max_tokens = most_tokens_of(recipe, model.model);
  task.windows = recipe.long_texts == "window";
  if (task.windows && task.kind != TaskKind::classification && task.kind != TaskKind::tokens)
    refuse_plan("--long window is for tasks classification and tokens: pairs are cut");
  if (survey.tags) task.tag_scheme = labelled::to_string(survey.tags->scheme);
  // BIO is what IOB1 has become.
  if (task.tag_scheme == labelled::to_string(labelled::TagScheme::iob1))
    task.tag_scheme = labelled::to_string(labelled::TagScheme::bio);
  task.last_piece = model.model.causal;
  if (survey.choice) task.choice_labels = kChoiceNames[static_cast<std::size_t>(*survey.choice)];
  task.columns = recipe.columns;
  return task;
}

checkpoint::ConfigFile config_for(const std::vector<TaskDescription>& tasks,
                                  checkpoint::ConfigFile model) {
  ModelConfig& c = model.model;
  const checkpoint::ImportRules& rules = checkpoint::rules_of(c.family);
  c.task_heads.clear();
  model.head_labels.clear();
  c.pooler = c.pair_head = false;
  for (const TaskDescription& task : tasks) {
    TaskHeadConfig head{task.name, task.outputs(), task.input, true};
    if (task.input == rules.classes.input) head.bias = rules.classes.bias;
    if (task.input == HeadInput::tokens && !rules.tags.architecture.empty())
      head.bias = rules.tags.bias;
    c.task_heads.push_back(head);
    model.head_labels.push_back({task.problem, task.labels});
    if (task.kind == TaskKind::choice) model.head_labels.back().names = {};
    c.pooler = c.pooler || task.input == HeadInput::pooler;
    if (task.marks)
      c.vocab = std::max<std::int64_t>(
          c.vocab, std::max({task.marks->start, task.marks->delimiter, task.marks->extract}) + 1);
  }
  if (!c.causal) c.token_head = c.head_bias = false;
  return model;
}

ModelConfig trunk_of(ModelConfig config) {
  config.task_heads.clear();
  config.pooler = config.pair_head = false;
  if (!config.causal) config.token_head = config.head_bias = false;
  return config;
}

checkpoint::ConfigFile config_with_heads(const FinetuneRecipe& recipe,
                                         const std::vector<TaskDescription>& tasks,
                                         checkpoint::ConfigFile model, const Tokenizer& tokenizer) {
  if (recipe.language_model > 0 && (!model.model.causal || !model.model.token_head))
    refuse_plan(
        fmt::format("--language-model needs a model that predicts the next token: a {} "
                    "model does not",
                    model.model.family));
  model = config_for(tasks, std::move(model));
  ModelConfig& c = model.model;
  c.token_head = c.token_head && (c.tied_head || recipe.language_model > 0);
  if (recipe.dropout >= 0)
    c.embedding_dropout = c.attention_dropout = c.residual_dropout = recipe.dropout;
  model.pad_token = pad_token(model, tasks.front().marks, tokenizer);
  return model;
}

void resolve(FinetuneRecipe& recipe, double usual_rate) {
  if (recipe.epochs == 0)
    refuse_plan(
        "epochs must be above 0, got 0: without a step the new head answers at random (stemma eval "
        "task has the figures of a model that was trained)");
  if (recipe.micro_batch == 0) recipe.micro_batch = recipe.batch;
  if (recipe.batch % recipe.micro_batch != 0)
    refuse_plan(fmt::format("batch ({}) must be a multiple of micro_batch ({})", recipe.batch,
                            recipe.micro_batch));
  if (recipe.learning_rate == 0) recipe.learning_rate = usual_rate;
  if (recipe.min_learning_rate > recipe.learning_rate)
    refuse_plan(fmt::format("min_learning_rate ({}) is above learning_rate ({})",
                            recipe.min_learning_rate, recipe.learning_rate));
}

std::int64_t steps_of(const FinetuneRecipe& recipe, std::int64_t examples) {
  // 0.1 · 30 is a little above 3.
  constexpr double kRounding = 1e-9;
  const double batches =
      recipe.epochs * static_cast<double>(examples) / static_cast<double>(recipe.batch);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(batches - kRounding)));
}

train::Schedule schedule_of(const FinetuneRecipe& recipe, std::int64_t steps) {
  train::Schedule schedule;
  schedule.peak = recipe.learning_rate;
  schedule.minimum = recipe.min_learning_rate;
  schedule.warmup = static_cast<std::int64_t>(recipe.warmup * static_cast<double>(steps));
  schedule.steps = steps;
  schedule.shape = train::schedule_named(recipe.schedule);
  return schedule;
}

std::function<double(std::string_view)> rate_factor_of(const FinetuneRecipe& recipe,
                                                       const ModelConfig& model) {
  if (recipe.layer_decay == 1 && recipe.head_learning_rate == 0) return {};
  const double head =
      recipe.head_learning_rate > 0 ? recipe.head_learning_rate / recipe.learning_rate : 1.0;
  return [head, decay = recipe.layer_decay, layers = model.layers](std::string_view name) {
    if (is_of_task_head(name)) return head;
    const bool embedding = name.starts_with("embedding.");
    const std::int64_t layer = layer_of(name);
    if (layer < 0 && !embedding) return 1.0;
    return std::pow(decay, static_cast<double>(embedding ? layers + 1 : layers - layer));
  };
}

void weigh_and_smooth(const FinetuneRecipe& recipe, const TaskDescription& task,
                      const LabelSurvey& survey, const std::vector<labelled::Row>& rows,
                      std::vector<EncodedExample>& examples) {
  if (recipe.label_smoothing > 0 && task.problem != kSingleLabel)
    refuse_plan("--label-smoothing is for tasks with one label a row");
  if (recipe.class_weights != "none" &&
      (task.problem != kSingleLabel || task.kind == TaskKind::tokens))
    refuse_plan("--class-weights balanced is for tasks with one label a text");
  const auto k = static_cast<float>(task.outputs());
  const auto smoothing = static_cast<float>(recipe.label_smoothing);
  double labelled = 0;
  for (const auto& [name, count] : survey.labels) labelled += static_cast<double>(count);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (recipe.class_weights == "balanced" && !rows[i].labels.empty()) {
      const auto label = static_cast<std::size_t>(task.label_index(rows[i].labels.front()));
      examples[i].weight = static_cast<float>(labelled / static_cast<double>(k) /
                                              static_cast<double>(survey.labels[label].second));
    }
    if (smoothing > 0)
      for (float& wanted : examples[i].wanted) wanted = (1 - smoothing) * wanted + smoothing / k;
  }
}

}  // namespace stemma::tasks
