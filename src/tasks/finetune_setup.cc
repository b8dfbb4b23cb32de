#include "tasks/finetune_setup.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "checkpoint/adapter_folder.h"
#include "checkpoint/base_sample.h"
#include "checkpoint/checkpoint_source.h"
#include "checkpoint/run_folder.h"
#include "checkpoint/stored_model.h"
#include "tasks/finetune_plan.h"
#include "tasks/task_weights.h"
#include "train/run_files.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

// Keys that may change when a run goes on: they do not touch its result.
constexpr std::array<std::string_view, 7> kFreeFinetuneKeys = {
    "precision", "threads", "recompute", "micro_batch", "keep_best", "patience", "small_changes"};

void require_given(const FinetuneRecipe& recipe) {
  if (recipe.model.empty())
    throw Error(ErrorCode::invalid_argument,
                "[finetune] no model: name what to fine-tune with --model (scripts/get-model.sh "
                "brings one)");
  if (recipe.train.empty())
    throw Error(ErrorCode::invalid_argument,
                "[finetune] no data: name the labelled rows with --train");
}

// What a hidden token is replaced by: the mask of a masked model, an unknown token, or the end of
// text.
std::int32_t hiding_token(const Tokenizer& tokenizer) {
  for (const std::string_view wanted : {"[MASK]", "<mask>", "[UNK]", "<unk>"})
    for (const auto& [name, id] : tokenizer.special_tokens())
      if (name == wanted) return id;
  if (const auto end = tokenizer.end_of_text()) return *end;
  throw Error(ErrorCode::unsupported,
              "[finetune] the tokenizer has no token that could hide a word (mask, unknown, end of "
              "text): leave --word-dropout out");
}

train::TrainerSettings settings_of(const FinetuneSetup& s, Interrupt interrupt) {
  const FinetuneRecipe& r = s.recipe;
  train::TrainerSettings t;
  t.schedule = schedule_of(r, s.steps);
  t.optimizer = {r.beta1,        r.beta2, r.epsilon,
                 r.weight_decay, r.clip,  rate_factor_of(r, s.model.model)};
  t.batch = r.batch;
  t.micro_batch = r.micro_batch;
  t.seed = static_cast<std::uint64_t>(r.seed);
  t.numerics = s.numerics;
  t.recompute = static_cast<ops::Recompute>(r.recompute);
  t.trainable = s.adaptation.trainable;
  t.adapter = s.adaptation.adapter;
  t.adversarial = s.adversarial;
  t.hook = s.rank_budget;
  t.interrupt = interrupt;
  return t;
}

// Counted in token vectors of the base model, also where a run goes on.
std::optional<train::Adversarial> adversarial_for(const train::AdversarialOptions& options,
                                                  const checkpoint::StoredModel& base,
                                                  Stream& stream) {
  if (options.adversarial == "none") return std::nullopt;
  return train::adversarial_of(options,
                               train::mean_token_norm(base.config.model, *base.source, stream));
}

void require_same_examples(const checkpoint::TrainingState& state, std::uint64_t fingerprint) {
  const std::string before = state.extra.is_object() ? state.extra.get("data", "") : "";
  if (before.empty() || before == fmt::format("{:016x}", fingerprint)) return;
  throw Error(ErrorCode::corrupt,
              "[finetune] the training rows, or the recipes of further tasks (also), are not those "
              "that the run began with: put those back, or begin a new run");
}

std::shared_ptr<const train::Objective> objective_of(FinetuneSetup& s) {
  const FinetuneRecipe& r = s.recipe;
  TaskBatchOptions options;
  options.seed = static_cast<std::uint64_t>(r.seed);
  options.word_dropout = r.word_dropout;
  if (r.word_dropout > 0) options.dropped = hiding_token(*s.tokenizer);
  options.next_tokens = r.language_model > 0;
  std::vector<TaskExamples> examples;
  std::vector<LearntTask> tasks;
  for (TaskPart& part : s.parts) {
    examples.push_back({part.task, std::move(part.examples)});
    tasks.push_back(
        {part.task, {part.dev.rows, std::move(part.dev_examples)}, part.recipe.task_weight});
  }
  auto batches = std::make_shared<TaskBatches>(std::move(examples), options);
  s.mean_tokens = batches->mean_tokens();
  return std::make_shared<TaskObjective>(std::move(tasks), std::move(batches),
                                         TaskObjective::Options{r.language_model});
}

// What of the base fine-tuning goes on from: its head only where it means the same labels.
ModelConfig known_of_base(const FinetuneSetup& s, const checkpoint::ConfigFile& base) {
  ModelConfig known = base.model;
  // The same names, labels and states that are read, or it is another head.
  if (!known.task_heads.empty() && known.task_heads == s.model.model.task_heads &&
      base.head_labels == s.model.head_labels)
    log_info("the model has a head for these labels already: training goes on from it");
  else
    known.task_heads.clear();
  return known;
}

void set_rank_budget(FinetuneSetup& s) {
  const AdaptOptions& o = s.recipe.adapt;
  if (!s.adaptation.adapter || s.adaptation.adapter->kind != nn::AdapterSpec::Kind::adalora) return;
  s.rank_budget = make_rank_budget(o.budget, o.rank, s.steps, *s.adaptation.adapter);
  const Json settings = budget_settings(s.rank_budget->options());
  for (const auto& [key, value] : settings.as_object()) s.adaptation.settings.set(key, value);
}

// Those with which this session begins: of the base and fresh ones, or of the checkpoint.
std::unique_ptr<nn::WeightSource> first_weights(const FinetuneSetup& s,
                                                checkpoint::StoredModel& stored,
                                                const train::RunStart& start) {
  if (start.found && !s.adaptation.adapter)
    return std::make_unique<checkpoint::CheckpointSource>(start.found->folder,
                                                          checkpoint::Memory::shared);
  auto base = std::make_unique<TaskWeights>(*stored.source, known_of_base(s, stored.config),
                                            static_cast<std::uint64_t>(s.recipe.seed));
  if (!start.found) return base;
  // AdaLoRA's folder has only the ranks that were left; its budget kept all of them.
  auto adapter = std::make_unique<checkpoint::AdapterFolder>(start.found->folder, s.model.model);
  adapter->require_base(*stored.source, stored.config.model);
  return std::make_unique<AdaptedWeights>(
      std::move(base), std::move(adapter),
      s.rank_budget ? AdaptedWeights::Has::heads : AdaptedWeights::Has::adapter_and_heads);
}

// The run's recipe, and those of further tasks in the folders of their names.
void save_recipes(const FinetuneSetup& s, const fs::path& run) {
  train::save_recipe(s.recipe, run);
  for (std::size_t i = 1; i < s.parts.size(); ++i) {
    const fs::path folder = run / s.parts[i].description().name;
    std::error_code unmade;  // is said by the file that cannot be written there
    fs::create_directories(folder, unmade);
    train::save_recipe(s.parts[i].recipe, folder);
  }
}

}  // namespace

FinetuneSetup set_up_finetune(FinetuneRecipe recipe, const fs::path& run, train::Resume resume,
                              Interrupt interrupt) {
  FinetuneSetup s;
  require_given(recipe);
  train::require_new(run, resume, "finetune");
  s.recipe = std::move(recipe);
  checkpoint::StoredModel stored = checkpoint::open_stored_model(s.recipe.model);
  if (!stored.tokenizer)
    throw Error(ErrorCode::not_found,
                fmt::format("[finetune] {} has no tokenizer: put its files (tokenizer.json) there",
                            stored.path.string()));
  s.tokenizer = stored.tokenizer;
  s.generation = stored.generation;
  s.base = fs::absolute(stored.path);
  s.parts = read_parts(s.recipe, stored.config, *s.tokenizer);
  s.data_fingerprint = fingerprint_of(s.parts);
  for (const TaskPart& part : s.parts) s.train_rows += part.train_rows;
  s.model = config_with_heads(s.recipe, descriptions_of(s.parts), stored.config, *s.tokenizer);
  s.adaptation = adaptation_of(s.recipe.adapt, s.model.model);
  resolve(s.recipe, s.adaptation.usual_rate);
  s.steps = steps_of(s.recipe, s.train_rows);
  set_rank_budget(s);
  s.steps_an_epoch =
      std::max<std::int64_t>(1, (s.train_rows + s.recipe.batch - 1) / s.recipe.batch);

  train::RunStart start = train::claim_run(run, resume, "finetune");
  s.folder_lock = std::move(start.lock);
  const auto before = train::earlier_recipe<FinetuneRecipe>(run, start.found);
  s.stream = std::make_unique<Stream>(s.recipe.threads > 0 ? static_cast<int>(s.recipe.threads)
                                                           : available_threads());
  train::settle_precision(s.recipe.precision,
                          before ? std::optional(before->precision) : std::nullopt,
                          s.stream->device());
  if (before) train::require_same_recipe(*before, s.recipe, kFreeFinetuneKeys, run, "finetune");
  if (start.found) require_same_examples(start.found->state, s.data_fingerprint);
  s.numerics = ops::numerics_named(s.recipe.precision, s.stream->device());
  s.adversarial = adversarial_for(s.recipe.adversarial, stored, *s.stream);
  const auto source = first_weights(s, stored, start);
  if (s.adaptation.adapter)
    s.base_sample = checkpoint::sample_of_base(*stored.source, stored.config.model);
  s.trainer = std::make_unique<train::Trainer>(s.model.model, settings_of(s, interrupt), *source,
                                               objective_of(s), *s.stream);
  if (start.found) {
    s.trainer->resume(start.found->state, checkpoint::read_optimizer(start.found->folder));
    if (const Json* course = start.found->state.extra.find("course")) s.course = *course;
  }
  save_recipes(s, run);
  return s;
}

fs::path save_checkpoint(const FinetuneSetup& s, const fs::path& run, const Json& course) {
  checkpoint::Checkpoint c;
  const auto weights = s.adaptation.adapter ? s.trainer->trained_weights() : s.trainer->weights();
  const auto optimizer = s.trainer->optimizer_state();
  c.model.config = s.model;
  c.model.generation = s.generation.file;
  c.model.parameters = weights;
  c.model.tokenizer = s.tokenizer.get();
  c.model.other_files = {{kTaskFile, to_json(descriptions_of(s.parts)).dump(2) + "\n"}};
  if (s.adaptation.adapter) {
    c.model.parameters = {};
    c.adapter =
        checkpoint::AdapterExport{s.model,
                                  *s.adaptation.adapter,
                                  weights,
                                  s.base.string(),
                                  s.adaptation.settings,
                                  s.rank_budget ? s.rank_budget->kept() : checkpoint::KeptRanks{},
                                  s.base_sample};
  }
  c.optimizer = optimizer;
  c.state = s.trainer->state();
  c.state.recipe_hash = hash64(train::toml_of(s.recipe)) >> 1;  // JSON integers have a sign
  c.state.extra = Json::object({{"precision", s.recipe.precision},
                                {"data", fmt::format("{:016x}", s.data_fingerprint)},
                                {"recipe", train::toml_of(s.recipe)},
                                {"course", course}});
  return checkpoint::write_checkpoint(run, c);
}

}  // namespace stemma::tasks
