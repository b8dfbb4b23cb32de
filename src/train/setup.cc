#include "train/setup.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "checkpoint/checkpoint_source.h"
#include "checkpoint/gguf_tokenizer.h"
#include "checkpoint/stored_model.h"
#include "models/family.h"
#include "nn/fresh_weights.h"
#include "text/fingerprint.h"
#include "train/objectives.h"

namespace stemma::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecipeFile = "recipe.toml";

// Keys that may change when a run goes on: they do not touch its result.
constexpr std::array<std::string_view, 8> kFreeKeys = {
    "precision",   "threads",    "recompute", "eval_every",
    "eval_tokens", "save_every", "keep_best", "patience"};

std::string toml_of(const Recipe& recipe) {
  Recipe copy = recipe;
  OptionSet options("train");
  declare(copy, options);
  return options.to_toml();
}

Recipe parse_recipe(std::string_view text, const std::string& where) {
  Recipe recipe;
  OptionSet options("train");
  declare(recipe, options);
  options.read_toml_text(text, where);
  return recipe;
}

Recipe read_recipe(const fs::path& path) {
  return parse_recipe(read_file(path, 1 << 20), path.string());
}

// "key: was X, is Y" for every key that matters and differs.
std::vector<std::string> differences(const Recipe& before, const Recipe& now) {
  Recipe a = before, b = now;
  OptionSet before_set("train"), now_set("train");
  declare(a, before_set);
  declare(b, now_set);
  // The values as defaults of a fresh set: their text is what a recipe would hold.
  const auto was = before_set.infos(), is = now_set.infos();
  std::vector<std::string> list;
  for (std::size_t i = 0; i < was.size(); ++i) {
    if (was[i].default_text == is[i].default_text) continue;
    if (std::find(kFreeKeys.begin(), kFreeKeys.end(), was[i].key) != kFreeKeys.end()) continue;
    list.push_back(
        fmt::format("{}: was {}, is {}", was[i].key, was[i].default_text, is[i].default_text));
  }
  return list;
}

bool has_checkpoints(const fs::path& run) { return checkpoint::has_checkpoints(run); }

void require_new(const fs::path& run, Resume resume) {
  if (resume == Resume::never && (fs::exists(run / kRecipeFile) || has_checkpoints(run)))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[train] {} already holds a run: go on with --resume auto, or choose another "
                    "folder with --run",
                    run.string()));
}

std::unique_ptr<FolderLock> prepare_folder(const fs::path& run) {
  std::error_code error;
  fs::create_directories(run, error);
  if (error)
    throw Error(ErrorCode::device, fmt::format("[train] cannot create the run folder {}: {}",
                                               run.string(), error.message()));
  return std::make_unique<FolderLock>(run);
}

// A checkpoint counts the sequences it has seen; of other data they would be others.
void require_same_data(const checkpoint::TrainingState& state, std::uint64_t fingerprint,
                       const Dataset& data) {
  const std::string before = state.extra.is_object() ? state.extra.get("data", "") : "";
  if (before.empty() || before == fmt::format("{:016x}", fingerprint)) return;
  throw Error(ErrorCode::corrupt,
              fmt::format("[train] the training data in {} are not those that the run began with: "
                          "put those back, or begin a new run",
                          data.folder().string()));
}

std::shared_ptr<const Tokenizer> tokenizer_for(const Recipe& recipe) {
  if (!recipe.tokenizer.empty()) {
    auto given = checkpoint::tokenizer_from(recipe.tokenizer);
    checkpoint::warn_of_other_tokenizer(*given, recipe.model);
    return given;
  }
  std::shared_ptr<const Tokenizer> of_model = checkpoint::tokenizer_of_model(recipe.model);
  if (recipe.data.size() == 1 && is_packed(recipe.data.front())) {
    const Dataset data = Dataset::open(recipe.data.front());
    if (of_model && tokenizer_fingerprint(*of_model) != data.manifest().info.tokenizer_fingerprint)
      throw Error(
          ErrorCode::corrupt,
          fmt::format("[train] {} was packed with another tokenizer than that of {}, so its "
                      "ids mean other tokens there: pack the texts again with --tokenizer "
                      "{}, or begin a model of its own with --depth",
                      recipe.data.front(), recipe.model, recipe.model));
    return open_tokenizer(data.tokenizer_folder().string());
  }
  return of_model ? of_model : default_tokenizer();
}

std::optional<Dataset> data_for(const Recipe& recipe, const Tokenizer& tokenizer,
                                const fs::path& run, bool resumed, Interrupt interrupt) {
  // A run goes on with the data it began with, whatever became of the text files.
  if (resumed && is_packed(run / "data")) return Dataset::open(run / "data");
  if (recipe.data.empty())
    throw Error(ErrorCode::invalid_argument,
                "[train] no data: name text files, folders or a packed folder with --data");
  PackOptions options;
  options.documents = recipe.documents;
  options.validation_fraction = recipe.validation_fraction;
  options.threads = static_cast<int>(recipe.threads);
  ProgressLine line;
  options.progress = [&](const PackProgress& p) {
    line.update(fmt::format("packing: {} of {}, {} tokens", format_bytes(p.read_bytes),
                            format_bytes(p.total_bytes),
                            format_count(static_cast<double>(p.tokens))));
    return !interrupt.requested();
  };
  const std::vector<fs::path> paths(recipe.data.begin(), recipe.data.end());
  return open_dataset(paths, tokenizer, run / "data", std::move(options));
}

struct ChosenModel {
  checkpoint::ConfigFile config;
  checkpoint::GenerationConfig generation;
  std::unique_ptr<nn::WeightSource> source;
  std::string weights_from;
};

void fit_vocabulary(ModelConfig& config, const Tokenizer& tokenizer, const Recipe& recipe,
                    bool free) {
  if (free) config.vocab = tokenizer.vocab_size();
  checkpoint::require_fitting(tokenizer, config, recipe.model);
}

ChosenModel model_for(const Recipe& recipe, const Tokenizer& tokenizer) {
  ChosenModel model;
  ModelConfig& config = model.config.model;
  if (recipe.model.empty() == (recipe.depth == 0))
    throw Error(
        ErrorCode::invalid_argument,
        "[train] choose the model with either --model (a published size, a config.json or a model "
        "folder) or --depth (one number)");
  bool free_vocabulary = true;
  if (recipe.depth > 0) {
    config = depth_config(recipe, tokenizer.vocab_size());
  } else if (fs::path(recipe.model).extension() == ".json") {
    model.config = checkpoint::read_config_file(recipe.model);
    free_vocabulary = false;
  } else if (fs::exists(recipe.model)) {
    checkpoint::StoredModel stored =
        checkpoint::open_stored_model(recipe.model, checkpoint::WithTokenizer::no);
    model.config = stored.config;
    model.generation = stored.generation;
    model.source = std::move(stored.source);
    model.weights_from = fmt::format("loaded from {}", stored.path.string());
    free_vocabulary = false;
  } else {
    config = published_config(recipe.model);
  }
  fit_vocabulary(config, tokenizer, recipe, free_vocabulary);
  if (recipe.dropout >= 0)
    config.embedding_dropout = config.attention_dropout = config.residual_dropout = recipe.dropout;
  if (recipe.position_std > 0) config.position_std = recipe.position_std;
  const bool fresh = model.source == nullptr;
  // A model that goes on keeps the special tokens that its files name.
  if (const auto end = tokenizer.end_of_text()) {
    if (fresh || !model.config.bos_token) model.config.bos_token = *end;
    if (fresh || !model.config.eos_token) model.config.eos_token = *end;
  }
  if (fresh) {
    model.source = std::make_unique<nn::FreshWeights>(static_cast<std::uint64_t>(recipe.seed));
    model.weights_from = fmt::format("fresh, of seed {}", recipe.seed);
  }
  return model;
}

TrainerSettings settings_of(const Recipe& recipe, const ops::Numerics& numerics,
                            Interrupt interrupt) {
  TrainerSettings s;
  s.schedule = {recipe.learning_rate, recipe.min_learning_rate, recipe.warmup, recipe.steps,
                schedule_named(recipe.schedule)};
  s.optimizer = {recipe.beta1, recipe.beta2, recipe.epsilon, recipe.weight_decay, recipe.clip, {}};
  s.batch = recipe.batch;
  s.micro_batch = recipe.micro_batch;
  s.seed = static_cast<std::uint64_t>(recipe.seed);
  s.numerics = numerics;
  s.interrupt = interrupt;
  s.recompute = static_cast<ops::Recompute>(recipe.recompute);
  return s;
}

// The precision as a name that means the same on every machine.
std::string fixed_precision(const std::string& name, Device device) {
  return ops::numerics_named(name, device).multiply == kernels::Multiply::bf16 ? "bf16" : "f32";
}

// The precision of a run that goes on: the run's own, unless another is named.
void settle_precision(Recipe& recipe, const std::optional<Recipe>& before, Device device) {
  if (!before) {
    recipe.precision = fixed_precision(recipe.precision, device);
    return;
  }
  if (recipe.precision == "auto") {
    recipe.precision = before->precision;
    if (fixed_precision("auto", device) != recipe.precision)
      log_warning(
          fmt::format("the run goes on in {}, as it began; this machine's own choice would be {}",
                      recipe.precision, fixed_precision("auto", device)));
  } else if (recipe.precision != before->precision) {
    log_warning(fmt::format("the run was in {} and goes on in {}: its course will differ",
                            before->precision, recipe.precision));
  }
}

void save_recipe(const Recipe& recipe, const fs::path& run) {
  AtomicFile file(run / kRecipeFile);
  file.write(toml_of(recipe));
  file.commit();
}

// What decides the run's course, as one number for its checkpoints.
std::uint64_t recipe_hash(const Recipe& recipe) {
  Recipe course = recipe;
  const Recipe defaults;
  course.threads = defaults.threads;
  course.recompute = defaults.recompute;
  course.eval_every = defaults.eval_every;
  course.eval_tokens = defaults.eval_tokens;
  course.save_every = defaults.save_every;
  course.keep_best = defaults.keep_best;
  course.patience = defaults.patience;
  return hash64(toml_of(course)) >> 1;  // JSON integers have a sign
}

// What the run was started with: as its checkpoint has it, which nobody edits; older checkpoints
// leave that to the file in the run folder.
std::optional<Recipe> earlier_recipe(const fs::path& run,
                                     const std::optional<checkpoint::FoundCheckpoint>& found) {
  if (!found) return std::nullopt;
  const Json& extra = found->state.extra;
  if (const std::string text = extra.is_object() ? extra.get("recipe", "") : ""; !text.empty())
    return parse_recipe(text, (found->folder / "state.json").string());
  if (!fs::exists(run / kRecipeFile)) return std::nullopt;
  return read_recipe(run / kRecipeFile);
}

void require_same(const std::optional<Recipe>& before, const Recipe& now, const fs::path& run) {
  if (!before) return;
  const auto list = differences(*before, now);
  if (list.empty()) return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[train] the run in {} was started with other values ({}): put these back, in "
                  "{} or where the flags or the recipe change them, or start a new run",
                  run.string(), fmt::join(list, "; "), (run / kRecipeFile).string()));
}

}  // namespace

std::optional<fs::path> saved_recipe(const fs::path& run) {
  if (!fs::exists(run / kRecipeFile)) return std::nullopt;
  return run / kRecipeFile;
}

std::optional<Setup> set_up(Recipe recipe, const fs::path& run, Resume resume,
                            Interrupt interrupt) {
  Setup setup;
  require_new(run, resume);
  setup.tokenizer = tokenizer_for(recipe);
  ChosenModel model = model_for(recipe, *setup.tokenizer);
  resolve(recipe, model.config.model);
  setup.folder_lock = prepare_folder(run);
  std::optional<checkpoint::FoundCheckpoint> found;
  if (resume == Resume::automatic && !has_checkpoints(run))
    log_info(fmt::format("{} holds no checkpoint: the run begins at its start", run.string()));
  if (resume == Resume::automatic && has_checkpoints(run)) {
    found = checkpoint::newest_checkpoint(run);
    for (const std::string& warning : found->warnings) log_warning(warning);
  }
  auto before = earlier_recipe(run, found);
  // Runs from before there were objectives.
  if (before && before->objective == kAutoObjective) before->objective = recipe.objective;
  setup.stream = std::make_unique<Stream>(recipe.threads > 0 ? static_cast<int>(recipe.threads)
                                                             : available_threads());
  const Device device = setup.stream->device();
  settle_precision(recipe, before, device);
  require_same(before, recipe, run);
  auto data = data_for(recipe, *setup.tokenizer, run, found.has_value(), interrupt);
  if (!data) return std::nullopt;

  setup.data = std::move(*data);
  setup.data_fingerprint = setup.data.train()->fingerprint();
  if (found) require_same_data(found->state, setup.data_fingerprint, setup.data);
  setup.numerics = ops::numerics_named(recipe.precision, device);
  if (found) {
    model.source =
        std::make_unique<checkpoint::CheckpointSource>(found->folder, checkpoint::Memory::shared);
    model.weights_from = fmt::format("loaded from {}", found->folder.string());
  }
  setup.trainer = std::make_unique<Trainer>(
      model.config.model, settings_of(recipe, setup.numerics, interrupt), *model.source,
      make_objective(recipe, model.config.model, *setup.tokenizer, setup.data), *setup.stream);
  if (found) {
    setup.trainer->resume(found->state, checkpoint::read_optimizer(found->folder));
    const Json* course = found->state.extra.is_object() ? found->state.extra.find("course") : nullptr;
    if (course) setup.course = *course;
  }
  // Last: a folder without a recipe is no run yet.
  save_recipe(recipe, run);
  setup.model = model.config;
  setup.generation = model.generation;
  setup.weights_from = std::move(model.weights_from);
  setup.recipe = std::move(recipe);
  return setup;
}

BestPlan best_plan(const Recipe& recipe) {
  return {recipe.keep_best, recipe.keep_best.ends_with("accuracy"), recipe.patience};
}

fs::path save_checkpoint(const Setup& setup, const fs::path& run, const Json& course) {
  checkpoint::Checkpoint c;
  const auto weights = setup.trainer->weights();
  const auto optimizer = setup.trainer->optimizer().state();
  c.model.config = setup.model;
  c.model.generation = setup.generation.file;
  c.model.parameters = weights;
  c.model.tokenizer = setup.tokenizer.get();
  c.optimizer = optimizer;
  c.state = setup.trainer->state();
  c.state.recipe_hash = recipe_hash(setup.recipe);
  c.state.extra = Json::object({{"precision", setup.recipe.precision},
                                {"data", fmt::format("{:016x}", setup.data_fingerprint)},
                                {"recipe", toml_of(setup.recipe)},
                                {"course", course}});
  return checkpoint::write_checkpoint(run, c);
}

}  // namespace stemma::train
