#include "tasks/task_parts.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "tasks/dev_split.h"
#include "tasks/finetune_plan.h"
#include "train/run_files.h"

namespace stemma::tasks {
namespace {

constexpr std::uint64_t kMostRecipeBytes = 1 << 20;

std::vector<EncodedExample> encode_rows(const TaskRows& rows, const Task& task,
                                        std::int64_t* cut_texts = nullptr) {
  std::vector<EncodedExample> examples;
  std::int64_t cut = 0, cut_tokens = 0, lost = 0;
  for (const labelled::Row& row : rows.rows) {
    examples.push_back(task.encode(row));
    const EncodedExample& e = examples.back();
    cut += e.cut_tokens > 0;
    cut_tokens += e.cut_tokens;
    if (e.cut_tokens == 0) lost += std::count(e.word_rows.begin(), e.word_rows.end(), -1);
  }
  if (cut > 0)
    log_warning(fmt::format(
        "[finetune] {}: {} of {} texts are cut at {} tokens, and lose {} "
        "tokens: raise --max-tokens, or read them in windows with --long "
        "window",
        rows.path.string(), cut, rows.rows.size(), task.description().max_tokens, cut_tokens));
  if (lost > 0)
    log_warning(
        fmt::format("[finetune] {}: the tokenizer has no token for {} words: they are "
                    "tagged O",
                    rows.path.string(), lost));
  if (cut_texts) *cut_texts = cut;
  return examples;
}

void drop_unlabelled(TaskRows& rows, std::vector<EncodedExample>& examples) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].wanted.empty() || examples[i].rows == 0) continue;
    if (kept != i) {
      examples[kept] = std::move(examples[i]);
      rows.rows[kept] = std::move(rows.rows[i]);
    }
    ++kept;
  }
  examples.resize(kept);
  rows.rows.resize(kept);
}

// The recipe of a further task, with what the run decides for all of them.
FinetuneRecipe further_recipe(const FinetuneRecipe& run, const std::string& path) {
  auto recipe = train::parse_recipe<FinetuneRecipe>(read_file(path, kMostRecipeBytes), path);
  if (!recipe.also.empty())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[finetune] {} names further tasks itself (also): name all of them in "
                            "the first recipe",
                            path));
  if (recipe.train.empty())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[finetune] {} has no data: name the labelled rows with train", path));
  if (recipe.name.empty()) recipe.name = std::filesystem::path(path).stem().string();
  recipe.model = run.model;
  recipe.adapt = run.adapt;
  recipe.marks = run.marks;
  log_info(
      fmt::format("task {}: of {} only the task, its data, how texts are read and how rows are "
                  "weighed count",
                  recipe.name, path));
  return recipe;
}

// Folders of a run, and columns of its metrics, that have these names already.
bool is_taken(std::string_view name) {
  return name == "checkpoints" || name.starts_with("seed-") || name == "val" || name == "lm" ||
         name == "adversarial";
}

// A name is part of the names of parameters, columns and folders.
void require_good_names(const std::vector<FinetuneRecipe>& recipes) {
  if (recipes.size() == 1) return;
  std::set<std::string_view> names;
  for (const FinetuneRecipe& recipe : recipes) {
    const bool plain = std::all_of(recipe.name.begin(), recipe.name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    });
    if (recipe.name.empty() || !plain)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[finetune] with several tasks each needs a name of letters, digits, "
                              "_ and -, got '{}': set name in its recipe",
                              recipe.name));
    if (is_taken(recipe.name))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[finetune] a task cannot be called '{}', which a run has a folder or "
                      "a column of: set name in its recipe",
                      recipe.name));
    if (!names.insert(recipe.name).second)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[finetune] two tasks are called '{}': set name in one of their "
                              "recipes",
                              recipe.name));
  }
}

TaskPart read_part(FinetuneRecipe recipe, const checkpoint::ConfigFile& base,
                   const Tokenizer& tokenizer) {
  TaskPart part;
  part.recipe = std::move(recipe);
  const FinetuneRecipe& r = part.recipe;
  const TaskKind kind = task_named(r.task);
  part.train = read_task_rows(r.train, r.columns, kind);
  if (r.dev.empty())
    part.dev = split_off_dev(part.train, r.dev_fraction);
  else
    part.dev = read_task_rows(r.dev, r.columns, kind);
  if (!r.test.empty()) part.test = read_task_rows(r.test, r.columns, kind);
  part.survey = survey_labels(part.train, kind, r.problem);
  log_labels(part.survey, kind);
  part.task = make_task(describe_task(r, part.survey, base, tokenizer), tokenizer);
  for (TaskRows* rows : {&part.dev, &part.test}) {
    canonical_labels(*rows, part.description());
    warn_of_unseen(*rows, part.description());
  }
  part.examples = encode_rows(part.train, *part.task, &part.cut_texts);
  drop_unlabelled(part.train, part.examples);
  part.train_rows = std::ssize(part.examples);
  part.dev_examples = encode_rows(part.dev, *part.task);
  weigh_and_smooth(r, part.description(), part.survey, part.train.rows, part.examples);
  return part;
}

}  // namespace

std::vector<TaskPart> read_parts(const FinetuneRecipe& recipe, const checkpoint::ConfigFile& base,
                                 const Tokenizer& tokenizer) {
  std::vector<FinetuneRecipe> recipes{recipe};
  if (recipe.also.empty()) {
    recipes.front().name.clear();
    recipes.front().task_weight = 1;
  }
  for (const std::string& path : recipe.also) recipes.push_back(further_recipe(recipe, path));
  require_good_names(recipes);
  std::vector<TaskPart> parts;
  parts.reserve(recipes.size());
  for (FinetuneRecipe& one : recipes) parts.push_back(read_part(std::move(one), base, tokenizer));
  return parts;
}

std::vector<TaskDescription> descriptions_of(const std::vector<TaskPart>& parts) {
  std::vector<TaskDescription> tasks;
  tasks.reserve(parts.size());
  for (const TaskPart& part : parts) tasks.push_back(part.description());
  return tasks;
}

std::uint64_t fingerprint_of(const std::vector<TaskPart>& parts) {
  std::uint64_t hash = 0;
  for (const TaskPart& part : parts)
    for (const EncodedExample& example : part.examples) {
      for (const Framed& text : example.texts)
        hash = hash64(std::as_bytes(std::span(text.ids)), hash);
      hash = hash64(std::as_bytes(std::span(example.wanted)), hash);
    }
  // What only the recipe of a further task says.
  for (std::size_t i = 1; i < parts.size(); ++i) {
    hash = hash64(fmt::format("{} {} {}", to_json({parts[i].description()}).dump(),
                              parts[i].recipe.task_weight, parts[i].recipe.dev),
                  hash);
    for (const EncodedExample& example : parts[i].examples)
      hash = hash64(std::as_bytes(std::span(&example.weight, 1)), hash);
  }
  return hash;
}

}  // namespace stemma::tasks
