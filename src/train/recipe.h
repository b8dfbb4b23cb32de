// A training recipe: every key of a recipe file and every flag of `stemma train`, with defaults.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/options.h"
#include "data/documents.h"
#include "models/config.h"
#include "models/family.h"

namespace stemma::train {

// The objective that the model's family is usually trained for.
inline constexpr const char* kAutoObjective = "auto";

struct Recipe {
  // What to train on. `data`: text files, folders of them, or one packed folder.
  std::vector<std::string> data;
  std::string
      tokenizer;  // empty: the packed data's or the model folder's own, otherwise the default one
  std::string pack = "stream";
  DocumentOptions documents;
  double validation_fraction = 0.01;

  std::string objective = kAutoObjective;

  // What to train: a published size, a config.json or a model folder to go on from; or one number.
  std::string model;
  std::int64_t depth = 0;
  std::string family{default_family_name()};  // with depth
  std::int64_t sequence_length = 0;           // 0: the model's context, or 256 with depth
  double dropout = -1;                        // < 0: the model's own
  double position_std = 0;                    // 0: the family's own

  // How long and how fast.
  std::int64_t steps = 1000;
  std::int64_t batch = 0;        // sequences a step; 0: derived
  std::int64_t micro_batch = 0;  // 0: derived
  std::string schedule = "cosine";
  double learning_rate = 0;       // 0: derived from the width
  double min_learning_rate = -1;  // < 0: a tenth of the peak
  std::int64_t warmup = -1;       // < 0: 2 % of the steps
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.1, clip = 1.0;
  std::int64_t seed = 1;

  // How to run it.
  std::string precision = "auto";
  std::int64_t recompute = 0;
  std::int64_t threads = 0;  // 0: all that the process may use
  std::int64_t eval_every = 100, eval_tokens = 100'000;
  std::int64_t save_every = 500;
  std::string keep_best;      // a column of the evaluation; empty: no weights are called the best
  std::int64_t patience = 0;  // evaluations without a better value that end the run
};

// Declare keys that fine-tuning has too.
void declare_schedule_shape(std::string& schedule, OptionSet& options);
void declare_best(std::string& keep_best, std::int64_t& patience, OptionSet& options);

// Declares every key of `recipe`, which must outlive `options`.
void declare(Recipe& recipe, OptionSet& options);

// Fills in what the recipe leaves to be derived (values 0 or < 0) for a model of this
// configuration, and checks that the rest fits. Throws invalid_argument.
void resolve(Recipe& recipe, const ModelConfig& config);

// The one-number model: C = 64 · depth, H = L = depth, a context of recipe.sequence_length.
ModelConfig depth_config(const Recipe& recipe, std::int64_t vocab);

}  // namespace stemma::train
