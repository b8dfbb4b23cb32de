#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/progress.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/train/recipe_file.h"
#include "device/memory.h"
#include "tasks/seeds.h"

namespace stemma::cli {
namespace {

struct FinetuneOptions {
  tasks::FinetuneRecipe recipe;
  RunFlags run;
  bool json = false;
};

Json finetune_json(const FinetuneOptions& o, const tasks::FinetuneResult& r) {
  Json out = Json::object({{"run", o.run.run},
                           {"steps", r.steps},
                           {"parameters", r.parameters},
                           {"trained_parameters", r.trained_parameters},
                           {"tokens_per_s", r.tokens_per_s},
                           {"share_of_peak", r.share_of_peak},
                           {"peak_memory_bytes", static_cast<std::int64_t>(peak_memory_bytes())},
                           {"best_step", r.best_step},
                           {"stopped_early", r.stopped_early},
                           {"signal", r.signal}});
  out.set("loss", r.loss ? Json(*r.loss) : Json());
  if (r.signal == 0) out.set("report", tasks::to_json(r.report));
  return out;
}

int run_finetune_command(const FinetuneOptions& o) {
  const auto resume = o.run.resume == "auto" ? train::Resume::automatic : train::Resume::never;
  tasks::FinetuneRecipe recipe = o.recipe;
  if (!recipe.also.empty() && recipe.name.empty())
    recipe.name =
        o.run.file.empty() ? recipe.task : std::filesystem::path(o.run.file).stem().string();
  const tasks::FinetuneResult r = tasks::run_seeds(recipe, o.run.run, resume, process_interrupt());
  if (o.json) return print_json(finetune_json(o, r));
  if (r.signal != 0) {
    print(
        fmt::format("stopped after {} steps: {}\ngo on with: stemma finetune --run {} --resume "
                    "auto\n",
                    r.steps, r.checkpoint.string(), o.run.run));
    return interrupted_or_done();
  }
  const std::filesystem::path run(o.run.run);
  print(tasks::to_text(r.report));
  print(fmt::format("\nmodel: {}\nreport: {}\nuse it: stemma predict --model {} --input FILE\n",
                    run.string(), (run / "report.html").string(), run.string()));
  return interrupted_or_done();
}

}  // namespace

void add_finetune(Program& program) {
  auto o = std::make_shared<FinetuneOptions>();
  Command& c = program.add("finetune", "teach a pre-trained model a task from labelled text");
  c.about =
      "Takes a pre-trained model and rows of labelled text and makes a model that classifies, "
      "tags, "
      "compares or chooses. The labels come from the data and are shown, with their counts, before "
      "training begins. The run folder then holds the model with its best weights (a Hugging Face "
      "folder), report.html with the figures, and checkpoints. Every key of a recipe file is an "
      "option here, and an option goes before the file. Ctrl-C ends the run with everything saved; "
      "--resume auto goes on from there.";
  c.examples = {
      "stemma finetune --model models/minilm --train train.csv --test test.csv --run runs/mine",
      "stemma finetune recipes/finetune/sst2.toml --run runs/sst2",
      "stemma finetune --task tokens --model models/minilm --train train.conll --run runs/names",
      "stemma finetune --run runs/mine --resume auto"};
  declare(o->run, "recipes/finetune/sst2.toml", c);
  declare(o->recipe, c.options);
  declare_json(o->json, c.options);
  c.early = [o](const Values& given) {
    const std::filesystem::path path = recipe_path("finetune", given, {"model"});
    if (path.empty()) return;
    OptionSet keys("finetune");
    declare(o->recipe, keys);
    read_recipe_file(path, keys);
  };
  c.run = [o] { return run_finetune_command(*o); };
}

}  // namespace stemma::cli
