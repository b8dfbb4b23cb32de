#include "tasks/seeds.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "checkpoint/run_folder.h"
#include "tasks/report/show.h"
#include "tasks/report/summary.h"
#include "train/run_files.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

// Keys that may change when several seeds go on: they change neither how a seed is trained nor how
// its best weights are chosen.
constexpr std::array<std::string_view, 6> kFreeSeedsKeys = {
    "precision", "threads", "recompute", "micro_batch", "small_changes", "seeds"};

[[noreturn]] void refuse_seeds(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "[finetune] " + what);
}

std::optional<FinetuneRecipe> recipe_in(const fs::path& run) {
  const fs::path path = run / train::kRecipeFile;
  if (!fs::exists(path)) return std::nullopt;
  return train::parse_recipe<FinetuneRecipe>(read_file(path, 1 << 20), path.string());
}

// One seed and, once it is done, what its report says.
struct SeedRun {
  std::int64_t seed = 0;
  fs::path folder;
  std::optional<FinetuneResult> result;  // none: it was done before
  Json report;
  std::string dev_metric;
  std::optional<double> dev;  // of its best weights
};

bool is_done(const SeedRun& one) { return fs::exists(one.folder / kReportFile); }

bool is_better(std::string_view metric, double a, double b) {
  return metric.ends_with("loss") ? a < b : a > b;
}

void read_report(SeedRun& one) {
  const fs::path path = one.folder / kReportFile;
  one.report = Json::parse(read_file(path), path.string());
  const Json* curve = one.report.find("curve");
  if (!curve) return;
  one.dev_metric = curve->get("dev_metric", "");
  for (const Json& point : curve->at("points").as_array()) {
    const Json* dev = point.find("dev");
    if (!dev || !dev->is_number()) continue;
    if (!one.dev || is_better(one.dev_metric, dev->as_double(), *one.dev))
      one.dev = dev->as_double();
  }
}

// The first of the best ones.
SeedRun& best_of(std::vector<SeedRun>& all) {
  SeedRun* best = &all.front();
  for (SeedRun& one : all)
    if (one.dev && (!best->dev || is_better(one.dev_metric, *one.dev, *best->dev))) best = &one;
  return *best;
}

// A figure in a seed's report.json; `group`: the object that it lies in, or "".
double figure_in(const SeedRun& one, std::string_view group, const std::string& name) {
  const Json* object = group.empty() ? &one.report : one.report.find(group);
  const Json* value = object && object->is_object() ? object->find(name) : nullptr;
  if (!value || (!value->is_null() && !value->is_number()))
    throw Error(
        ErrorCode::corrupt,
        fmt::format("[finetune] {} has no figure '{}', which the report of another seed "
                    "has: remove the file and go on with --resume auto, which writes it anew",
                    (one.folder / kReportFile).string(), name));
  return value->is_null() ? std::numeric_limits<double>::quiet_NaN() : value->as_double();
}

SeedFigure over_seeds(const std::vector<SeedRun>& all, std::string_view group,
                      const std::string& name, const std::string& shown_as) {
  SeedFigure figure{shown_as, {}};
  for (const SeedRun& one : all) figure.values.push_back(figure_in(one, group, name));
  return figure;
}

void add_seeds(Report& report, const std::vector<SeedRun>& all, const SeedRun& best) {
  for (const SeedRun& one : all) report.seeds.push_back(static_cast<std::uint64_t>(one.seed));
  for (const Figure& figure : report.figures)
    report.seed_figures.push_back(over_seeds(
        all, is_of_calibration(figure.name) ? "calibration" : "", figure.name, figure.name));
  for (const Figure& figure : report.changed)
    if (!is_of_calibration(figure.name))
      report.seed_figures.push_back(over_seeds(all, "under_small_changes", figure.name,
                                               figure.name + std::string(kUnderSmallChanges)));
  const std::string count = std::to_string(all.size());
  for (Settings& group : report.settings)
    for (auto& [key, value] : group.rows)
      if (key == "seeds") value = count;
  std::string why = "the first: there was no dev set to choose by";
  if (best.dev)
    why = fmt::format("the best of {} seeds: {} on dev {}", count, title_of(best.dev_metric),
                      show::number(*best.dev));
  report.notes.insert(report.notes.begin(),
                      fmt::format("The model, and all but the means over the seeds, is of seed {}, "
                                  "{}.",
                                  best.seed, why));
}

// The folder of several seeds, ready to be worked in.
std::unique_ptr<FolderLock> claim_seeds(const FinetuneRecipe& recipe, const fs::path& run,
                                        train::Resume resume) {
  train::require_new(run, resume, "finetune");
  if (checkpoint::has_checkpoints(run))
    refuse_seeds(
        fmt::format("{} holds a run of one seed: choose another folder for {} seeds with "
                    "--run",
                    run.string(), recipe.seeds));
  std::error_code error;
  fs::create_directories(run, error);
  if (error)
    throw Error(ErrorCode::device, fmt::format("[finetune] cannot create the run folder {}: {}",
                                               run.string(), error.message()));
  auto lock = std::make_unique<FolderLock>(run);
  if (const auto before = recipe_in(run))
    train::require_same_recipe(*before, recipe, kFreeSeedsKeys, run, "finetune");
  train::save_recipe(recipe, run);
  return lock;
}

std::vector<SeedRun> seeds_of(const FinetuneRecipe& recipe, const fs::path& run) {
  std::vector<SeedRun> all;
  for (std::int64_t seed = recipe.seed; seed < recipe.seed + recipe.seeds; ++seed)
    all.push_back({seed, run / fmt::format("seed-{}", seed), {}, {}, {}, {}});
  return all;
}

FinetuneResult train_seed(FinetuneRecipe recipe, const SeedRun& one, train::Resume resume,
                          Interrupt interrupt) {
  recipe.seed = one.seed;
  recipe.seeds = 1;
  return run_finetune(std::move(recipe), one.folder, resume, interrupt);
}

// Trains the seeds that are not done; false where an interrupt ended one of them, the last with a
// result.
bool train_all(std::vector<SeedRun>& all, const FinetuneRecipe& recipe, train::Resume resume,
               Interrupt interrupt) {
  for (SeedRun& one : all) {
    const std::string which =
        fmt::format("seed {} ({} of {})", one.seed, &one - all.data() + 1, all.size());
    if (is_done(one)) {
      log_info(fmt::format("{} is done: {}", which, one.folder.string()));
    } else {
      log_info(fmt::format("{}: {}", which, one.folder.string()));
      one.result = train_seed(recipe, one, resume, interrupt);
      if (!is_done(one)) return false;
    }
    read_report(one);
  }
  return true;
}

FinetuneResult take_last(std::vector<SeedRun>& all) {
  const auto last = std::find_if(all.rbegin(), all.rend(),
                                 [](const SeedRun& one) { return one.result.has_value(); });
  return std::move(*last->result);
}

// The reports of further tasks, of the best seed, where that of the first one names them.
void copy_further_reports(const fs::path& from, const fs::path& run) {
  for (const fs::directory_entry& folder : fs::directory_iterator(from)) {
    if (!folder.is_directory() || !fs::exists(folder.path() / kReportFile)) continue;
    const fs::path to = run / folder.path().filename();
    std::error_code unmade;  // is said by the file that cannot be written there
    fs::create_directories(to, unmade);
    for (const char* name : {"report.md", "report.html", kReportFile}) {
      AtomicFile file(to / name);
      file.write(read_file(folder.path() / name));
      file.commit();
    }
  }
}

FinetuneResult run_several(const FinetuneRecipe& recipe, const fs::path& run, train::Resume resume,
                           Interrupt interrupt) {
  const bool new_run = !fs::exists(run / train::kRecipeFile);
  const auto lock = claim_seeds(recipe, run, resume);
  std::vector<SeedRun> all = seeds_of(recipe, run);
  try {
    if (!train_all(all, recipe, resume, interrupt)) return take_last(all);
  } catch (const Error&) {
    // A run that did not begin (no data, no model) leaves no recipe to go on with.
    std::error_code ignored;
    if (new_run && !fs::exists(all.front().folder / train::kRecipeFile))
      fs::remove(run / train::kRecipeFile, ignored);
    throw;
  }
  SeedRun& best = best_of(all);
  // Of a seed that was done before, this only makes the report again.
  if (!best.result) best.result = train_seed(recipe, best, train::Resume::automatic, interrupt);
  FinetuneResult result = std::move(*best.result);
  if (result.signal != 0) return result;
  checkpoint::publish_model(result.best_step >= 0
                                ? checkpoint::checkpoint_folder(best.folder, result.best_step)
                                : result.checkpoint,
                            run);
  add_seeds(result.report, all, best);
  copy_further_reports(best.folder, run);
  write_report(run, result.report);
  return result;
}

}  // namespace

FinetuneResult run_seeds(FinetuneRecipe recipe, const fs::path& run, train::Resume resume,
                         Interrupt interrupt) {
  if (recipe.seeds > 1) return run_several(recipe, run, resume, interrupt);
  if (const auto before = recipe_in(run); before && before->seeds > 1)
    refuse_seeds(
        fmt::format("{} holds a run of {} seeds, whose models lie in folders of it: go on "
                    "with --seeds {}, or choose another folder with --run",
                    run.string(), before->seeds, before->seeds));
  return run_finetune(std::move(recipe), run, resume, interrupt);
}

}  // namespace stemma::tasks
