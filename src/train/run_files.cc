#include "train/run_files.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "ops/context.h"

namespace stemma::train {
namespace {

namespace fs = std::filesystem;

std::string fixed_precision(const std::string& name, Device device) {
  return ops::numerics_named(name, device).multiply == kernels::Multiply::bf16 ? "bf16" : "f32";
}

}  // namespace

void require_new(const fs::path& run, Resume resume, std::string_view command) {
  if (resume == Resume::never &&
      (fs::exists(run / kRecipeFile) || checkpoint::has_checkpoints(run)))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[{}] {} already holds a run: go on with --resume auto, or choose another "
                    "folder with --run",
                    command, run.string()));
}

RunStart claim_run(const fs::path& run, Resume resume, std::string_view command) {
  require_new(run, resume, command);
  std::error_code error;
  fs::create_directories(run, error);
  if (error)
    throw Error(ErrorCode::device, fmt::format("[{}] cannot create the run folder {}: {}", command,
                                               run.string(), error.message()));
  RunStart start{std::make_unique<FolderLock>(run), std::nullopt};
  if (resume == Resume::never) return start;
  if (!checkpoint::has_checkpoints(run)) {
    log_info(fmt::format("{} holds no checkpoint: the run begins at its start", run.string()));
    return start;
  }
  start.found = checkpoint::newest_checkpoint(run);
  for (const std::string& warning : start.found->warnings) log_warning(warning);
  return start;
}

std::optional<RecipeText> earlier_recipe_text(
    const fs::path& run, const std::optional<checkpoint::FoundCheckpoint>& found) {
  if (!found) return std::nullopt;
  const Json& extra = found->state.extra;
  if (std::string text = extra.is_object() ? extra.get("recipe", "") : ""; !text.empty())
    return RecipeText{std::move(text), (found->folder / "state.json").string()};
  const fs::path path = run / kRecipeFile;
  if (!fs::exists(path)) return std::nullopt;
  return RecipeText{read_file(path, 1 << 20), path.string()};
}

std::vector<std::string> differences(const std::vector<OptionInfo>& before,
                                     const std::vector<OptionInfo>& now,
                                     std::span<const std::string_view> free) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].default_text == now[i].default_text) continue;
    if (std::find(free.begin(), free.end(), before[i].key) != free.end()) continue;
    list.push_back(fmt::format("{}: was {}, is {}", before[i].key, before[i].default_text,
                               now[i].default_text));
  }
  return list;
}

void require_same_values(const std::vector<std::string>& differences, const fs::path& run,
                         std::string_view command) {
  if (differences.empty()) return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[{}] the run in {} was started with other values ({}): put these back, in "
                  "{} or where the flags or the recipe change them, or start a new run",
                  command, run.string(), fmt::join(differences, "; "),
                  (run / kRecipeFile).string()));
}

void save_recipe_text(const std::string& text, const fs::path& run) {
  AtomicFile file(run / kRecipeFile);
  file.write(text);
  file.commit();
}

void settle_precision(std::string& precision, const std::optional<std::string>& before,
                      Device device) {
  if (!before) {
    precision = fixed_precision(precision, device);
    return;
  }
  if (precision == "auto") {
    precision = *before;
    if (fixed_precision("auto", device) != precision)
      log_warning(
          fmt::format("the run goes on in {}, as it began; this machine's own choice would be {}",
                      precision, fixed_precision("auto", device)));
  } else if (precision != *before) {
    log_warning(fmt::format("the run was in {} and goes on in {}: its course will differ", *before,
                            precision));
  }
}

std::optional<fs::path> saved_recipe(const fs::path& run) {
  if (!fs::exists(run / kRecipeFile)) return std::nullopt;
  return run / kRecipeFile;
}

}  // namespace stemma::train
