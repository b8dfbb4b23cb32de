#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "data/text_files.h"
#include "train/run.h"
#include "train/run_files.h"

namespace stemma::cli {
namespace {

struct TrainOptions {
  train::Recipe recipe;
  std::string file, run, resume = "never";
  bool json = false;
};

// The recipe file, or the run's own where a run goes on without one. Its keys are the recipe's
// only; flags come after it.
void read_recipe(TrainOptions& o, const Values& given) {
  const auto first = [&](const char* key) {
    const auto found = given.find(key);
    return found == given.end() || found->second.empty() ? std::string()
                                                         : with_home(found->second.front());
  };
  std::filesystem::path path = first("recipe");
  if (first("run").empty()) return;  // which is told when everything is read
  if (path.empty() && first("resume") == "auto") {
    path = train::saved_recipe(first("run")).value_or(std::filesystem::path());
    if (path.empty() && first("model").empty() && first("depth").empty())
      throw Error(ErrorCode::not_found,
                  fmt::format("[train] {} holds no run to go on with; to start one, choose a model "
                              "with --model or --depth, or give a recipe",
                              first("run")));
  }
  if (path.empty()) return;
  OptionSet keys("train");
  declare(o.recipe, keys);
  if (path == "-")
    keys.read_toml_text(read_pipe(path), "standard input");
  else
    keys.read_toml(path);
}

Json result_json(const TrainOptions& o, const train::RunResult& r) {
  Json out = Json::object({{"run", o.run},
                           {"checkpoint", r.checkpoint.string()},
                           {"steps", r.steps},
                           {"tokens", r.tokens},
                           {"parameters", r.parameters},
                           {"tokens_per_s", r.tokens_per_s},
                           {"share_of_peak", r.share_of_peak},
                           {"signal", r.signal}});
  out.set("loss", r.loss ? Json(*r.loss) : Json());
  out.set("val_loss", Json());
  for (const train::Metric& column : r.evaluation) out.set(column.name, column.value);
  return out;
}

// ", validation 3.1416 (1.234 bits per byte)"
std::string evaluation_text(const std::vector<train::Metric>& columns) {
  if (columns.empty() || std::isnan(columns.front().value)) return "";
  std::string text = fmt::format(", validation {:.4f}", columns.front().value), more;
  for (std::size_t i = 1; i < columns.size(); ++i) {
    std::string name = columns[i].name.substr(columns[i].name.starts_with("val_") ? 4 : 0);
    std::replace(name.begin(), name.end(), '_', ' ');
    more += fmt::format("{}{:.3f} {}", more.empty() ? "" : ", ", columns[i].value, name);
  }
  return more.empty() ? text : fmt::format("{} ({})", text, more);
}

int run_train(const TrainOptions& o) {
  const auto resume = o.resume == "auto" ? train::Resume::automatic : train::Resume::never;
  const train::RunResult r = train::run_training(o.recipe, o.run, resume, process_interrupt());
  if (o.json) return print_json(result_json(o, r));
  if (r.checkpoint.empty()) return interrupted_or_done();  // stopped before the first step
  std::string text = fmt::format("{} after {} steps and {} tokens", r.signal ? "stopped" : "done",
                                 r.steps, format_count(static_cast<double>(r.tokens)));
  if (r.loss)
    text += fmt::format(": loss {:.4f}", *r.loss);
  else if (!r.signal)
    text += ": nothing was left to do";
  text += evaluation_text(r.evaluation);
  if (r.loss) text += fmt::format("; {}", format_rate(r.tokens_per_s, "tokens"));
  text += fmt::format("\nmodel: {}\nloss curve: {}\n", r.checkpoint.string(),
                      (std::filesystem::path(o.run) / "loss.svg").string());
  if (r.signal) text += fmt::format("go on with: stemma train --run {} --resume auto\n", o.run);
  print(text);
  return interrupted_or_done();
}

}  // namespace

void add_train(Program& program) {
  auto o = std::make_shared<TrainOptions>();
  Command& c = program.add("train", "train a GPT on text, or go on with a run");
  c.about =
      "Trains a model on text files or packed data and leaves everything in a run folder: the "
      "resolved recipe, metrics.jsonl, loss.svg and checkpoints that other commands open as "
      "--model. "
      "Every key of a recipe file is an option here, and an option goes before the file. Ctrl-C or "
      "SIGTERM ends the run after the current step, or, as if that had not begun, at its next "
      "micro-batch, with everything saved; --resume auto goes on from the newest whole checkpoint, "
      "bit for bit, with the run's own recipe where none is named.";
  c.examples = {
      "stemma train recipes/book.toml --run runs/book",
      "stemma train --run runs/book --data book.txt --tokenizer gpt2 --depth 4 --steps 300",
      "stemma train --run runs/book --resume auto"};
  c.options.add_path({"recipe",
                      "a TOML file with one option a line, such as `steps = 300`",
                      "recipes/book.toml",
                      {"config", "config_file"}},
                     o->file);
  c.options.add_folder(
      {"run",
       "the run folder; created where it is missing",
       "runs/book",
       {"output_dir", "out_dir", "output", "o", "out", "save_dir", "checkpoint_dir"}},
      o->run);
  c.options.add_choice({"resume",
                        "never: the folder must not hold a run; auto: go on from its newest whole "
                        "checkpoint, or begin where there is none",
                        "auto",
                        {"resume_from_checkpoint", "continue", "resume_from"}},
                       o->resume, {"never", "auto"});
  declare(o->recipe, c.options);
  declare_json(o->json, c.options);
  c.positional = "recipe";
  c.required = {"run"};
  c.early = [o](const Values& given) { read_recipe(*o, given); };
  c.run = [o] { return run_train(*o); };
}

}  // namespace stemma::cli
