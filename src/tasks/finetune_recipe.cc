#include "tasks/finetune_recipe.h"

#include "tasks/description.h"
#include "train/recipe.h"

namespace stemma::tasks {
namespace {

constexpr std::int64_t kManySteps = 1'000'000'000;

void declare_task_data(FinetuneRecipe& r, OptionSet& o) {
  o.add_choice({"task",
                "classification: the class of a text; tokens: tags of words, named entities; "
                "entailment: the relation of two texts; similarity: how alike two texts are; "
                "choice: which candidate goes on best",
                "classification",
                {"task_name", "task_type"}},
               r.task, task_names());
  o.add_path({"model",
              "what to fine-tune: a Hugging Face folder, a run folder or a GGUF file",
              "models/base",
              {"model_name_or_path", "base_model", "pretrained", "m"}},
             r.model);
  o.add_path({"train",
              "labelled rows to learn from: TSV, CSV, JSON lines, CoNLL columns (also .gz, .zst)",
              "train.csv",
              {"train_file", "data", "dataset", "train_data"}},
             r.train);
  o.add_path({"dev",
              "rows that choose the best weights; empty: a share of the training rows",
              "dev.csv",
              {"validation_file", "validation_data", "eval_file", "val"}},
             r.dev);
  o.add_path({"test",
              "rows that are looked at once, at the end, for the report; empty: it is of dev",
              "test.csv",
              {"test_file", "predict_file"}},
             r.test);
  o.add({"dev_fraction", "share of the training rows, by hash, that is dev where none is named",
         "0.1"},
        r.dev_fraction, {0, 0.5});
  labelled::declare(r.columns, o);
  o.add_choice(
      {"problem",
       "what a label is; auto: numbers where a similarity has more than ten different "
       "ones, several where a row has two, one otherwise",
       "regression",
       {"problem_type"}},
      r.problem,
      {kAuto, std::string(kSingleLabel), std::string(kMultiLabel), std::string(kRegression)});
}

void declare_further_tasks(FinetuneRecipe& r, OptionSet& o) {
  o.add_path(
      {"also",
       "recipes of further tasks, which the model learns at the same time with a head for "
       "each; of them only the task, its data, how texts are read and how rows are weighed count",
       "recipes/finetune/rte.toml",
       {"tasks", "multi_task"}},
      r.also);
  o.add({"name",
         "what the task is called where a model learns several; empty: as the recipe's file",
         "rte",
         {"head_name"}},
        r.name);
  o.add({"task_weight",
         "weight of the task's loss where a model learns several",
         "0.5",
         {"loss_weight"}},
        r.task_weight, {1e-6, 1e6});
}

void declare_reading(FinetuneRecipe& r, OptionSet& o) {
  o.add({"max_tokens",
         "longest text in tokens, special ones included; 0: 512 or the model's context",
         "128",
         {"max_length", "max_seq_length", "sequence_length", "block_size"}},
        r.max_tokens, {0, 1 << 20});
  o.add_choice({"long",
                "longer texts; cut: their end is left out, which is said; window: they are read in "
                "overlapping windows",
                "window",
                {"truncation", "stride", "doc_stride"}},
               r.long_texts, {"cut", "window"});
  o.add_choice({"head",
                "what the head reads of a text: the state of its last or first token, the mean of "
                "all, or the model's pooler; auto: what the model's family is made for",
                "mean",
                {"pooling", "classifier", "pooler_type"}},
               r.head, {kAuto, "last", "first", "mean", "pooler"});
  o.add_choice({"orders",
                "of two texts that are compared; both: each before the other, the vectors added, "
                "so that their order does not matter; auto: both for similarity",
                "one"},
               r.orders, {kAuto, "both", "one"});
  o.add_choice({"marks",
                "around texts; own: what the tokenizer's files add; end: the end-of-text token at "
                "the start, between and at the end; added: three new tokens; auto: own "
                "for encoders, end for decoders that have such a token, otherwise added",
                "end"},
               r.marks, {kAuto, "own", "end", "added"});
}

void declare_course(FinetuneRecipe& r, OptionSet& o) {
  declare(r.adapt, o);
  o.add({"epochs",
         "passes over the training rows, above 0; a part of one is fine",
         "3",
         {"num_epochs", "num_train_epochs", "max_steps", "steps"}},
        r.epochs, {0, 1e6});
  o.add({"batch",
         "rows a step",
         "16",
         {"batch_size", "train_batch_size", "per_device_train_batch_size"}},
        r.batch, {1, kManySteps});
  o.add({"micro_batch",
         "rows at a time, a divisor of batch; 0: batch. Changes the memory, not the result",
         "8",
         {"gradient_accumulation_steps", "micro_batch_size"}},
        r.micro_batch, {0, kManySteps});
  o.add({"learning_rate",
         "peak learning rate; 0: 5e-5 for the model's own weights, 5e-4 for LoRA and bottlenecks, "
         "1e-3 for AdaLoRA and for the head alone, 1e-2 for a "
         "prefix, 3e-3 for a prompt",
         "2e-5",
         {"lr", "max_lr"}},
        r.learning_rate, {0, 10});
  o.add({"min_learning_rate", "learning rate at the last step", "0", {"min_lr"}},
        r.min_learning_rate, {0, 10});
  train::declare_schedule_shape(r.schedule, o);
  o.add({"warmup",
         "share of the steps in which the learning rate rises",
         "0.1",
         {"warmup_ratio", "warmup_steps", "num_warmup_steps"}},
        r.warmup, {0, 1});
  o.add({"layer_decay",
         "each layer learns this much slower than the one above it (discriminative rates); 1: all "
         "alike",
         "0.95",
         {"llrd", "layerwise_lr_decay", "discriminative_lr"}},
        r.layer_decay, {0.01, 1});
  o.add({"head_learning_rate",
         "peak learning rate of the new head; 0: as everything",
         "1e-3",
         {"head_lr", "classifier_lr"}},
        r.head_learning_rate, {0, 10});
  o.add({"beta1", "AdamW's decay of the first moment", "0.9"}, r.beta1, {0, 0.999999});
  o.add({"beta2", "AdamW's decay of the second moment", "0.999"}, r.beta2, {0, 0.999999});
  o.add({"epsilon", "AdamW's epsilon", "1e-8"}, r.epsilon, {1e-16, 1});
  o.add({"weight_decay", "AdamW's decay, on matrices only", "0.01", {"wd"}}, r.weight_decay,
        {0, 10});
  o.add({"clip",
         "largest norm of the gradient; 0: no clipping",
         "1.0",
         {"grad_clip", "max_grad_norm"}},
        r.clip, {0, 1e9});
  o.add({"seed", "seed of the head's weights, the order of rows and dropout", "1"}, r.seed,
        {0, kManySteps});
  o.add({"seeds",
         "runs that differ in their seed: seed, seed + 1, ...; the report has mean and deviation "
         "of each figure, and the model is the one that is best on dev",
         "3",
         {"num_seeds", "num_runs", "repeat"}},
        r.seeds, {1, 1000});
}

void declare_care(FinetuneRecipe& r, OptionSet& o) {
  o.add({"dropout", "one rate for all dropouts; negative: the model's own", "0.1"}, r.dropout,
        {-1, 0.99});
  o.add({"word_dropout", "share of the tokens of each text that are hidden, others each epoch",
         "0.1"},
        r.word_dropout, {0, 0.9});
  o.add({"label_smoothing",
         "share of each label that is spread over all labels",
         "0.1",
         {"label_smoothing_factor"}},
        r.label_smoothing, {0, 0.9});
  o.add_choice({"class_weights",
                "balanced: rare labels weigh more, so that every label has the same share",
                "balanced",
                {"class_weight"}},
               r.class_weights, {"none", "balanced"});
  o.add({"language_model",
         "weight of the language model's loss on the same texts beside the task's; decoders only",
         "0.5",
         {"lambda", "lm_coef", "aux_lm"}},
        r.language_model, {0, 100});
  declare(r.adversarial, o);
  train::declare_best(r.keep_best, r.patience, o);
}

void declare_running(FinetuneRecipe& r, OptionSet& o) {
  o.add_choice({"precision",
                "what products multiply in; auto: bf16 with AMX, otherwise f32",
                "f32",
                {"dtype", "torch_dtype", "fp16", "bf16", "amp", "mixed_precision"}},
               r.precision, {"auto", "f32", "bf16"});
  o.add({"recompute",
         "0: keep all, 1: drop norm and GELU outputs, 2: keep block inputs only",
         "1",
         {"gradient_checkpointing"}},
        r.recompute, {0, 2});
  o.add({"threads", "worker threads; 0: all processors", "2", {"num_threads", "num_workers"}},
        r.threads, {0, 1024});
  o.add({"eval_every",
         "steps between evaluations on dev; 0: once an epoch",
         "100",
         {"eval_steps", "eval_interval", "evaluation_strategy"}},
        r.eval_every, {0, kManySteps});
  o.add({"small_changes",
         "whether the report also has the figures under small changes of the texts (typos, casing, "
         "spacing), for which the rows are answered three times more; --small-changes=false: not",
         "false"},
        r.small_changes);
}

}  // namespace

void declare(FinetuneRecipe& recipe, OptionSet& options) {
  declare_task_data(recipe, options);
  declare_further_tasks(recipe, options);
  declare_reading(recipe, options);
  declare_course(recipe, options);
  declare_care(recipe, options);
  declare_running(recipe, options);
}

}  // namespace stemma::tasks
