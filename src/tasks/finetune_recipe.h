// A recipe of fine-tuning: every key of a recipe file and every flag of `stemma finetune`, with
// defaults.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/options.h"
#include "data/labelled/rows.h"
#include "tasks/adapt.h"
#include "train/adversarial.h"

namespace stemma::tasks {

// Chosen by the task, the model's family or the data.
inline constexpr const char* kAuto = "auto";

struct FinetuneRecipe {
  // What to learn from which data.
  std::string task = "classification";
  std::string model;
  std::string train, dev, test;
  double dev_fraction = 0.1;  // of the training rows, by hash, where there is no dev
  labelled::RowOptions columns;
  std::string problem = kAuto;
  // Recipes of further tasks that the model learns at the same time (task_parts.h).
  std::vector<std::string> also;
  std::string name;        // of the task, where there are several
  double task_weight = 1;  // of its loss beside those of the others

  // How the model reads a text.
  std::int64_t max_tokens = 0;  // 0: 512, or the model's context where that is less
  std::string long_texts = "cut";
  std::string head = kAuto;    // what the head reads of a text
  std::string orders = kAuto;  // of a pair of texts
  std::string marks = kAuto;   // what stands around texts

  // What is trained.
  AdaptOptions adapt;

  // How long and how fast.
  double epochs = 3;
  std::int64_t batch = 16;
  std::int64_t micro_batch = 0;  // 0: the batch
  double learning_rate = 0;      // 0: by what is trained
  double min_learning_rate = 0;
  std::string schedule = "linear";
  double warmup = 0.1;  // share of the steps
  double layer_decay = 1;
  double head_learning_rate = 0;  // 0: learning_rate
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01, clip = 1.0;
  std::int64_t seed = 1;
  std::int64_t seeds = 1;  // runs, with seed, seed + 1, ... (seeds.h)

  // What keeps it from learning by heart.
  double dropout = -1;  // < 0: the model's own
  double word_dropout = 0, label_smoothing = 0;
  std::string class_weights = "none";
  double language_model = 0;  // λ
  train::AdversarialOptions adversarial;
  std::string keep_best = kAuto;
  std::int64_t patience = 0;

  // How to run it.
  std::string precision = "auto";
  std::int64_t recompute = 0;
  std::int64_t threads = 0;
  std::int64_t eval_every = 0;  // steps; 0: once an epoch
  bool small_changes = true;    // in the report, also the figures under small changes of the texts
};

// Declares every key of `recipe`, which must outlive `options`.
void declare(FinetuneRecipe& recipe, OptionSet& options);

}  // namespace stemma::tasks
