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
#include "train/run_files.h"

namespace stemma::train {
namespace {

namespace fs = std::filesystem;

// Keys that may change when a run goes on: they do not touch its result.
constexpr std::array<std::string_view, 8> kFreeKeys = {"precision",  "threads",     "recompute",
                                                       "eval_every", "eval_tokens", "save_every",
                                                       "keep_best",  "patience"};

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

}  // namespace

std::optional<Setup> set_up(Recipe recipe, const fs::path& run, Resume resume,
                            Interrupt interrupt) {
  Setup setup;
  require_new(run, resume, "train");
  setup.tokenizer = tokenizer_for(recipe);
  ChosenModel model = model_for(recipe, *setup.tokenizer);
  resolve(recipe, model.config.model);
  RunStart start = claim_run(run, resume, "train");
  setup.folder_lock = std::move(start.lock);
  const std::optional<checkpoint::FoundCheckpoint>& found = start.found;
  auto before = earlier_recipe<Recipe>(run, found);
  // Runs from before there were objectives.
  if (before && before->objective == kAutoObjective) before->objective = recipe.objective;
  setup.stream = std::make_unique<Stream>(recipe.threads > 0 ? static_cast<int>(recipe.threads)
                                                             : available_threads());
  const Device device = setup.stream->device();
  settle_precision(recipe.precision, before ? std::optional(before->precision) : std::nullopt,
                   device);
  if (before) require_same_recipe(*before, recipe, kFreeKeys, run, "train");
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
    const Json* course =
        found->state.extra.is_object() ? found->state.extra.find("course") : nullptr;
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
  const auto optimizer = setup.trainer->optimizer_state();
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
