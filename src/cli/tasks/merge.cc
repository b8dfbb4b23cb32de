#include "tasks/merge.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/tasks/row_flags.h"
#include "eval/equivalence.h"

namespace stemma::cli {
namespace {

namespace fs = std::filesystem;

struct MergeFlags {
  std::string model, adapter, to, weights = "f32";
  double limit = -1;
  bool json = false;
};

// The folder that was written against the model with its adapter beside it.
eval::Equivalence compare_trunks(const MergeFlags& o) {
  const auto open = [](const std::string& path, const std::string& adapter) {
    infer::ModelOptions options;
    options.path = path;
    options.adapter = adapter;
    options.merge_adapter = false;
    options.precision = "f32";
    return infer::LoadedModel::open(options);
  };
  const infer::LoadedModel apart = open(o.model, o.adapter);
  const std::vector<std::int32_t> ids = eval::probe_ids(apart);
  return eval::compare_models(apart, open(o.to, ""), ids);
}

// Of a task: the largest difference of a probability on some sentences.
eval::Equivalence compare_tasks(const MergeFlags& o) {
  const tasks::TaskModel apart = open_task_model(
      {.model = o.model, .head = {}, .precision = "f32", .adapters = {o.adapter}, .threads = 0});
  const tasks::TaskModel merged = open_task_model(
      {.model = o.to, .head = {}, .precision = "f32", .adapters = {}, .threads = 0});
  std::vector<labelled::Row> rows;
  for (const char* text : {"The film was better than we had hoped.", "What is it?",
                           "Shares fell by 3 % on Monday, said the bank in Vienna."}) {
    labelled::Row row;
    row.text = row.second = text;
    row.words = {{0, 3}};
    row.choices = {text, "Nothing else happened."};
    rows.push_back(std::move(row));
  }
  const tasks::Answers a = apart.answer(rows), b = merged.answer(rows);
  eval::Equivalence e;
  std::int64_t same = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const tasks::Prediction &x = a.predictions[i], &y = b.predictions[i];
    same += x.label == y.label && x.tags == y.tags;
    e.max_abs_difference = std::max(e.max_abs_difference, std::abs(x.score - y.score));
    for (std::size_t k = 0; k < x.probabilities.size(); ++k)
      e.max_abs_difference =
          std::max(e.max_abs_difference, std::abs(x.probabilities[k] - y.probabilities[k]));
    for (std::size_t k = 0; k < x.tag_confidence.size(); ++k)
      e.max_abs_difference =
          std::max(e.max_abs_difference, std::abs(x.tag_confidence[k] - y.tag_confidence[k]));
  }
  e.top1_agreement = static_cast<double>(same) / static_cast<double>(rows.size());
  return e;
}

int run_merge(const MergeFlags& o) {
  std::error_code ignored;
  if (fs::exists(fs::path(o.to) / "config.json", ignored))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[merge] {} holds a model already: choose another folder with --to", o.to));
  tasks::merge_adapter({.model = o.model,
                        .adapter = o.adapter,
                        .to = o.to,
                        .weights = o.weights == "bf16"  ? DType::bf16
                                   : o.weights == "f16" ? DType::f16
                                                        : DType::f32});
  const bool task = fs::exists(fs::path(o.to) / tasks::kTaskFile, ignored);
  const eval::Equivalence e = task ? compare_tasks(o) : compare_trunks(o);
  const double limit = o.limit >= 0 ? o.limit : o.weights == "f32" ? 1e-3 : 0.5;
  const bool passed = e.max_abs_difference <= limit;
  const char* of = task ? "probability" : e.of_logits ? "logit" : "hidden state";
  if (o.json)
    print_json(Json::object({{"model", o.model},
                             {"adapter", o.adapter},
                             {"to", o.to},
                             {"compared", of},
                             {"max_abs_difference", e.max_abs_difference},
                             {"top1_agreement", e.top1_agreement},
                             {"passed", passed}}));
  else
    print(fmt::format(
        "{} with {} merged to {} in {}: largest difference of a {} {:.2e}, same best "
        "answer in {:.2f} % of the places\n",
        o.model, o.adapter, o.to, o.weights, of, e.max_abs_difference, 100 * e.top1_agreement));
  if (passed) return interrupted_or_done();
  fmt::print(stderr,
             "stemma: [merge] the merged model is too far from the adapter beside its model "
             "(limit {}); --limit-difference changes it\n",
             limit);
  return kCheckFailed;
}

}  // namespace

void add_merge(Program& program) {
  auto o = std::make_shared<MergeFlags>();
  Command& c = program.add("merge", "make an adapter a part of its model");
  c.about =
      "Adds a low-rank adapter (LoRA, AdaLoRA) to the weights of its model and writes a folder "
      "that "
      "needs no adapter. Then the folder is compared with the adapter beside its model; exit code "
      "1 "
      "where they differ by more than a limit.";
  c.examples = {"stemma merge --model models/base --adapter runs/lora --to models/mine"};
  c.options.add_path({"model", "the model that the adapter was trained on", "models/base"},
                     o->model);
  c.options.add_path({"adapter", "the adapter, a folder in PEFT's layout or a run", "runs/lora"},
                     o->adapter);
  c.options.add_folder({"to", "the folder to write", "models/mine"}, o->to);
  c.options.add_choice({"weights", "how the new file stores the weights", "bf16"}, o->weights,
                       {"f32", "bf16", "f16"});
  c.options.add(
      {"limit_difference", "largest difference; negative: 1e-3 for f32, 0.5 otherwise", "0.01"},
      o->limit, {-1, 1e9});
  declare_json(o->json, c.options);
  c.required = {"model", "adapter", "to"};
  c.run = [o] { return run_merge(*o); };
}

}  // namespace stemma::cli
