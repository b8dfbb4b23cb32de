#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/progress.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/train/recipe_file.h"
#include "train/run.h"

namespace stemma::cli {
namespace {

struct TrainOptions {
  train::Recipe recipe;
  RunFlags run;
  bool json = false;
};

Json result_json(const TrainOptions& o, const train::RunResult& r) {
  Json out = Json::object({{"run", o.run.run},
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
  const auto resume = o.run.resume == "auto" ? train::Resume::automatic : train::Resume::never;
  const train::RunResult r = train::run_training(o.recipe, o.run.run, resume, process_interrupt());
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
                      (std::filesystem::path(o.run.run) / "loss.svg").string());
  if (r.signal) text += fmt::format("go on with: stemma train --run {} --resume auto\n", o.run.run);
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
  declare(o->run, "recipes/book.toml", c);
  declare(o->recipe, c.options);
  declare_json(o->json, c.options);
  c.early = [o](const Values& given) {
    const std::filesystem::path path = recipe_path("train", given, {"model", "depth"});
    if (path.empty()) return;
    OptionSet keys("train");
    declare(o->recipe, keys);
    read_recipe_file(path, keys);
  };
  c.run = [o] { return run_train(*o); };
}

}  // namespace stemma::cli
