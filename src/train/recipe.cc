#include "train/recipe.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "models/family.h"
#include "text/tokenizer.h"
#include "train/objectives.h"

namespace stemma::train {
namespace {

constexpr std::int64_t kDepthHeadSize = 64;
constexpr std::int64_t kDefaultSequence = 256;
constexpr std::int64_t kMany = 1'000'000'000;

void declare_data(Recipe& r, OptionSet& o) {
  o.add_path({"data",
              "text files, JSON lines (also .gz and .zst), folders of them, or one packed folder",
              "book.txt",
              {"dataset", "train_file", "train_data", "text", "input", "corpus"}},
             r.data);
  o.add_path({"tokenizer",
              fmt::format("a name ({0}), a folder (also of a run), or a file (tokenizer.json, "
                          ".tiktoken); empty: the packed data's or the model's own, otherwise {0}",
                          default_tokenizer_name()),
              std::string(default_tokenizer_name())},
             r.tokenizer);
  o.add_choice({"objective",
                "what to learn; lm: the next token; mlm: masked tokens and whether a text follows "
                "another; auto: what the model's family is made for",
                "lm"},
               r.objective, {kAutoObjective, "lm", "mlm"});
  o.add_choice({"pack", "stream: attention crosses documents; documents: it does not", "stream"},
               r.pack, {"stream", "documents"});
  declare(r.documents, o);
  o.add({"validation_fraction",
         "share of the documents, by hash, kept for validation",
         "0.01",
         {"val_data", "val_split", "validation_split", "eval_data", "validation_file"}},
        r.validation_fraction, {0, 0.5});
}

void declare_model(Recipe& r, OptionSet& o) {
  o.add_path({"model",
              fmt::format("a published size ({}), a config.json, or a model folder to go on from",
                          published_model_names()),
              std::string(default_model_name()),
              {"model_name_or_path", "model_name", "base_model", "m", "tied", "tie_word_embeddings",
               "vocab_size", "init_from", "from"}},
             r.model);
  o.add({"depth",
         "one number instead of a model: layers; width, heads, batch and learning rate follow",
         "4",
         {"layers", "n_layer", "num_layers", "heads", "n_head", "num_heads", "width", "n_embd",
          "hidden_size", "d_model", "embedding_size"}},
        r.depth, {0, 256});
  std::string about = "with depth, the member of the family:";
  std::vector<std::string> names;
  for (const Family* family : families()) {
    about += fmt::format("{} {}", names.empty() ? "" : ";", family->about);
    names.emplace_back(family->name);
  }
  o.add_choice({"family", about, std::string(default_family_name())}, r.family, names);
  o.add({"sequence_length",
         "tokens of one training sequence; 0: the model's context (depth: 256)",
         "256",
         {"block_size", "seq_len", "seq_length", "max_seq_length", "context_length", "ctx", "n_ctx",
          "ctx_size", "context", "max_length", "seq"}},
        r.sequence_length, {0, 1 << 20});
  o.add({"dropout", "one rate for all dropouts; negative: the model's own", "0.1"}, r.dropout,
        {-1, 0.99});
  o.add({"position_std",
         "standard deviation of fresh position embeddings: 0.01 in OpenAI's code of 2019, 0.02 in "
         "its "
         "code of 2018 and in Hugging Face's; 0: 0.02",
         "0.01"},
        r.position_std, {0, 1});
}

void declare_schedule(Recipe& r, OptionSet& o) {
  o.add({"steps",
         "optimiser steps of the whole run, each of batch sequences of sequence_length tokens",
         "1000",
         {"epochs", "num_epochs", "num_train_epochs", "max_steps", "max_iters", "iters",
          "iterations", "num_iterations", "train_iters"}},
        r.steps, {1, kMany});
  o.add({"batch",
         "sequences a step; 0: derived from the width",
         "8",
         {"batch_size", "b", "global_batch_size", "train_batch_size", "total_batch_size"}},
        r.batch, {0, kMany});
  o.add({"micro_batch",
         "sequences at a time, a divisor of batch; 0: derived",
         "4",
         {"micro_batch_size", "per_device_train_batch_size", "device_batch_size",
          "gradient_accumulation_steps", "grad_accum_steps"}},
        r.micro_batch, {0, kMany});
  o.add(
      {"learning_rate", "peak learning rate; 0: derived from the width", "6e-4", {"lr", "max_lr"}},
      r.learning_rate, {0, 10});
  declare_schedule_shape(r.schedule, o);
  o.add({"min_learning_rate",
         "learning rate at the last step; negative: a tenth of the peak",
         "6e-5",
         {"min_lr"}},
        r.min_learning_rate, {-1, 10});
  o.add({"warmup",
         "steps of linear warm-up; negative: 2 % of the steps",
         "100",
         {"warmup_steps", "warmup_iters", "warmup_ratio", "num_warmup_steps"}},
        r.warmup, {-1, kMany});
  o.add({"beta1", "AdamW's decay of the first moment", "0.9"}, r.beta1, {0, 0.999999});
  o.add({"beta2", "AdamW's decay of the second moment", "0.95"}, r.beta2, {0, 0.999999});
  o.add({"epsilon", "AdamW's epsilon", "1e-8"}, r.epsilon, {1e-16, 1});
  o.add({"weight_decay", "AdamW's decay, on matrices only", "0.1", {"wd"}}, r.weight_decay,
        {0, 10});
  o.add({"clip",
         "largest norm of the gradient; 0: no clipping",
         "1.0",
         {"grad_clip", "max_grad_norm", "clip_grad"}},
        r.clip, {0, 1e9});
  o.add({"seed", "seed of weights, order of data and dropout", "1"}, r.seed, {0, kMany});
}

void declare_machine(Recipe& r, OptionSet& o) {
  o.add_choice({"precision",
                "what products multiply in; auto: bf16 with AMX, otherwise f32",
                "f32",
                {"dtype", "torch_dtype", "fp16", "bf16", "amp", "mixed_precision"}},
               r.precision, {"auto", "f32", "bf16"});
  o.add({"recompute", "0: keep all, 1: drop norm and GELU outputs, 2: keep block inputs only", "1"},
        r.recompute, {0, 2});
  o.add({"threads",
         "worker threads; 0: all processors",
         "2",
         {"num_threads", "t", "num_workers", "device", "gpus"}},
        r.threads, {0, 1024});
  o.add({"eval_every",
         "steps between evaluations; 0: none",
         "100",
         {"eval_interval", "eval_steps", "val_check_interval"}},
        r.eval_every, {0, kMany});
  o.add({"eval_tokens", "tokens of an evaluation; 0: all validation data", "100000"}, r.eval_tokens,
        {0, kMany});
  o.add({"save_every",
         "steps between checkpoints; 0: only at the end",
         "500",
         {"save_steps", "save_interval", "checkpoint_interval", "checkpoint_every"}},
        r.save_every, {0, kMany});
  declare_best(r.keep_best, r.patience, o);
}

std::int64_t largest_divisor(std::int64_t n, std::int64_t limit) {
  for (std::int64_t d = std::min(n, limit); d > 1; --d)
    if (n % d == 0) return d;
  return 1;
}

}  // namespace

void declare_schedule_shape(std::string& schedule, OptionSet& o) {
  o.add_choice({"schedule",
                "how the learning rate falls after the warm-up, to min_learning_rate",
                "linear",
                {"lr_scheduler_type", "lr_scheduler", "scheduler", "lr_schedule"}},
               schedule, {"cosine", "linear", "constant"});
}

void declare_best(std::string& keep_best, std::int64_t& patience, OptionSet& o) {
  o.add({"keep_best",
         "the column of the evaluation that says which weights are the best: their checkpoint is "
         "kept; empty: none",
         "val_loss",
         {"metric_for_best_model", "load_best_model_at_end", "monitor"}},
        keep_best);
  o.add({"patience",
         "evaluations without a better keep_best that end the run; 0: none do",
         "3",
         {"early_stopping_patience", "early_stopping"}},
        patience, {0, kMany});
}

void declare(Recipe& recipe, OptionSet& options) {
  declare_data(recipe, options);
  declare_model(recipe, options);
  declare_schedule(recipe, options);
  declare_machine(recipe, options);
}

ModelConfig depth_config(const Recipe& recipe, std::int64_t vocab) {
  const Family& family = family_named(recipe.family);
  ModelConfig c = family.defaults();
  c.vocab = vocab;
  c.context = recipe.sequence_length > 0 ? recipe.sequence_length : kDefaultSequence;
  c.layers = c.heads = recipe.depth;
  c.channels = kDepthHeadSize * recipe.depth;
  c.hidden = family.hidden_of(c.channels);
  if (family.patterns_of) c.patterns = family.patterns_of(c.layers);
  return c;
}

void resolve(Recipe& recipe, const ModelConfig& config) {
  if (recipe.objective == kAutoObjective) recipe.objective = default_objective(config);
  require_objective(recipe.objective, config);
  if (recipe.sequence_length == 0) recipe.sequence_length = config.context;
  if (recipe.sequence_length > config.context)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] sequence_length ({}) is above the model's context ({})",
                            recipe.sequence_length, config.context));
  // About 16 tokens a step for each channel: 4 k at C = 256, 12 k at C = 768.
  if (recipe.batch == 0)
    recipe.batch = std::max<std::int64_t>(1, 16 * config.channels / recipe.sequence_length);
  // About 4,096 tokens at a time keep every product large and the activations small.
  if (recipe.micro_batch == 0)
    recipe.micro_batch =
        largest_divisor(recipe.batch, std::max<std::int64_t>(1, 4096 / recipe.sequence_length));
  if (recipe.batch % recipe.micro_batch != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] batch ({}) must be a multiple of micro_batch ({})",
                            recipe.batch, recipe.micro_batch));
  // Brown et al. 2020, table 2.1: 6e-4 at C = 768, falling about as 1 / C.
  if (recipe.learning_rate == 0)
    recipe.learning_rate = std::min(3e-3, 6e-4 * 768 / static_cast<double>(config.channels));
  if (recipe.min_learning_rate < 0) recipe.min_learning_rate = 0.1 * recipe.learning_rate;
  if (recipe.min_learning_rate > recipe.learning_rate)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[train] min_learning_rate ({}) is above learning_rate ({})",
                            recipe.min_learning_rate, recipe.learning_rate));
  if (recipe.patience > 0 && recipe.keep_best.empty()) recipe.keep_best = "val_loss";
  if (recipe.warmup < 0) recipe.warmup = (recipe.steps + 49) / 50;
  if (recipe.warmup > recipe.steps)
    throw Error(ErrorCode::invalid_argument, fmt::format("[train] warmup ({}) is above steps ({})",
                                                         recipe.warmup, recipe.steps));
}

}  // namespace stemma::train
