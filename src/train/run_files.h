// What every kind of run does with its folder: claims it, finds the checkpoint that it goes on
// from, keeps its recipe, and refuses to go on with another one.
//
//   const RunStart start = claim_run("runs/a", Resume::automatic, "train");
//   const auto before = earlier_recipe<Recipe>("runs/a", start.found);
//   if (before) require_same_recipe(*before, recipe, kFreeKeys, "runs/a", "train");
//   save_recipe(recipe, "runs/a");
//
// A kind of recipe is a struct with a function declare(Recipe&, OptionSet&).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/options.h"
#include "checkpoint/run_folder.h"
#include "device/memory.h"
#include "device/stream.h"
#include "train/resume.h"

namespace stemma::train {

inline constexpr const char* kRecipeFile = "recipe.toml";

struct RunStart {
  std::unique_ptr<FolderLock> lock;
  std::optional<checkpoint::FoundCheckpoint> found;  // none: the run begins at its start
};

// Throws invalid_argument where the folder holds a run and `resume` is never.
void require_new(const std::filesystem::path& run, Resume resume, std::string_view command);
// Creates the folder where it is missing and locks it. Says what it found. Throws device, and what
// the checkpoints give rise to.
RunStart claim_run(const std::filesystem::path& run, Resume resume, std::string_view command);

template <class R>
std::string toml_of(const R& recipe) {
  R copy = recipe;
  OptionSet options("recipe");
  declare(copy, options);
  return options.to_toml();
}

template <class R>
R parse_recipe(std::string_view text, const std::string& where) {
  R recipe;
  OptionSet options("recipe");
  declare(recipe, options);
  options.read_toml_text(text, where);
  return recipe;
}

// The text of the recipe that the run was started with: as its checkpoint has it, which nobody
// edits; older checkpoints leave that to the file in the run folder.
struct RecipeText {
  std::string text, where;
};
std::optional<RecipeText> earlier_recipe_text(
    const std::filesystem::path& run, const std::optional<checkpoint::FoundCheckpoint>& found);

template <class R>
std::optional<R> earlier_recipe(const std::filesystem::path& run,
                                const std::optional<checkpoint::FoundCheckpoint>& found) {
  const auto text = earlier_recipe_text(run, found);
  if (!text) return std::nullopt;
  return parse_recipe<R>(text->text, text->where);
}

// "key: was X, is Y" for every key outside `free` that differs.
std::vector<std::string> differences(const std::vector<OptionInfo>& before,
                                     const std::vector<OptionInfo>& now,
                                     std::span<const std::string_view> free);
// Throws invalid_argument with that list.
void require_same_values(const std::vector<std::string>& differences,
                         const std::filesystem::path& run, std::string_view command);

// `free`: keys that may change when a run goes on.
template <class R>
void require_same_recipe(const R& before, const R& now, std::span<const std::string_view> free,
                         const std::filesystem::path& run, std::string_view command) {
  // The values as defaults of a fresh set: their text is what a recipe would hold.
  R a = before, b = now;
  OptionSet was("recipe"), is("recipe");
  declare(a, was);
  declare(b, is);
  require_same_values(differences(was.infos(), is.infos(), free), run, command);
}

// Throws device.
void save_recipe_text(const std::string& text, const std::filesystem::path& run);
template <class R>
void save_recipe(const R& recipe, const std::filesystem::path& run) {
  save_recipe_text(toml_of(recipe), run);
}

// The precision of a run, as a name that means the same on every machine: that of the run that goes
// on, unless another is named, aloud.
void settle_precision(std::string& precision, const std::optional<std::string>& before,
                      Device device);

// The recipe that a run folder was started with, where it has one.
std::optional<std::filesystem::path> saved_recipe(const std::filesystem::path& run);

}  // namespace stemma::train
