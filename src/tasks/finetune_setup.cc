#include "tasks/finetune_setup.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "checkpoint/adapter_folder.h"
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

// A share of the training rows, by the hash of their texts, becomes dev.
TaskRows split_off_dev(TaskRows& train, double fraction) {
  TaskRows dev{train.path, {}};
  std::vector<labelled::Row> kept;
  const auto limit = static_cast<std::uint64_t>(fraction * 0x1p63);
  for (labelled::Row& row : train.rows) {
    const std::uint64_t hash = hash64(row.text + "\x1f" + row.second);
    (hash >> 1 < limit ? dev.rows : kept).push_back(std::move(row));
  }
  train.rows = std::move(kept);
  log_info(fmt::format("dev: {} of the {} training rows, by the hash of their texts",
                       dev.rows.size(), dev.rows.size() + train.rows.size()));
  return dev;
}

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

std::uint64_t fingerprint_of(const std::vector<EncodedExample>& examples) {
  std::uint64_t hash = 0;
  for (const EncodedExample& example : examples) {
    for (const Framed& text : example.texts)
      hash = hash64(std::as_bytes(std::span(text.ids)), hash);
    hash = hash64(std::as_bytes(std::span(example.wanted)), hash);
  }
  return hash;
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

// All that is read: rows, what they say of the task, and the examples made of them.
struct FinetuneData {
  TaskRows train;
  std::vector<EncodedExample> examples;
  HeldOut held_out;
};

FinetuneData read_data(FinetuneSetup& s, const checkpoint::ConfigFile& base) {
  FinetuneData data;
  const FinetuneRecipe& r = s.recipe;
  const TaskKind kind = task_named(r.task);
  data.train = read_task_rows(r.train, r.columns, kind);
  if (r.dev.empty())
    s.dev = split_off_dev(data.train, r.dev_fraction);
  else
    s.dev = read_task_rows(r.dev, r.columns, kind);
  if (!r.test.empty()) s.test = read_task_rows(r.test, r.columns, kind);
  s.survey = survey_labels(data.train, kind, r.problem);
  log_labels(s.survey, kind);
  s.task = make_task(describe_task(r, s.survey, base, *s.tokenizer), *s.tokenizer);
  for (TaskRows* rows : {&s.dev, &s.test}) {
    canonical_labels(*rows, s.task->description());
    warn_of_unseen(*rows, s.task->description());
  }
  data.examples = encode_rows(data.train, *s.task, &s.cut_texts);
  drop_unlabelled(data.train, data.examples);
  s.train_rows = std::ssize(data.examples);
  s.data_fingerprint = fingerprint_of(data.examples);
  data.held_out = {s.dev.rows, encode_rows(s.dev, *s.task)};
  return data;
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
              "[finetune] the training rows are not those that the run began with: put those back, "
              "or begin a new run");
}

std::shared_ptr<const train::Objective> objective_of(FinetuneSetup& s, FinetuneData data) {
  const FinetuneRecipe& r = s.recipe;
  TaskBatchOptions options;
  options.seed = static_cast<std::uint64_t>(r.seed);
  options.word_dropout = r.word_dropout;
  if (r.word_dropout > 0) options.dropped = hiding_token(*s.tokenizer);
  options.next_tokens = r.language_model > 0;
  auto batches = std::make_shared<TaskBatches>(s.task, std::move(data.examples), options);
  s.mean_tokens = batches->mean_tokens();
  return std::make_shared<TaskObjective>(s.task, std::move(batches), std::move(data.held_out),
                                         TaskObjective::Options{r.language_model});
}

// What of the base fine-tuning goes on from: its head only where it means the same labels.
ModelConfig known_of_base(const FinetuneSetup& s, const checkpoint::ConfigFile& base) {
  ModelConfig known = base.model;
  if (!known.task_heads.empty() && base.head_labels == s.model.head_labels)
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
  return std::make_unique<AdaptedWeights>(
      std::move(base),
      std::make_unique<checkpoint::AdapterFolder>(start.found->folder, s.model.model),
      s.rank_budget ? AdaptedWeights::Has::heads : AdaptedWeights::Has::adapter_and_heads);
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
  FinetuneData data = read_data(s, stored.config);
  s.model = config_with_head(s.recipe, s.task->description(), stored.config, *s.tokenizer);
  s.adaptation = adaptation_of(s.recipe.adapt, s.model.model);
  resolve(s.recipe, s.task->description(), s.adaptation.usual_rate);
  weigh_and_smooth(s.recipe, s.task->description(), s.survey, data.train.rows, data.examples);
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
  s.trainer = std::make_unique<train::Trainer>(s.model.model, settings_of(s, interrupt), *source,
                                               objective_of(s, std::move(data)), *s.stream);
  if (start.found) {
    s.trainer->resume(start.found->state, checkpoint::read_optimizer(start.found->folder));
    if (const Json* course = start.found->state.extra.find("course")) s.course = *course;
  }
  train::save_recipe(s.recipe, run);
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
  c.model.other_files = {{kTaskFile, to_json(s.task->description()).dump(2) + "\n"}};
  if (s.adaptation.adapter) {
    c.model.parameters = {};
    c.adapter =
        checkpoint::AdapterExport{s.model,
                                  *s.adaptation.adapter,
                                  weights,
                                  s.base.string(),
                                  s.adaptation.settings,
                                  s.rank_budget ? s.rank_budget->kept() : checkpoint::KeptRanks{}};
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
