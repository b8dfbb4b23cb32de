#include "cli/train/recipe_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "data/text_files.h"
#include "train/run_files.h"

namespace stemma::cli {

std::filesystem::path recipe_path(std::string_view command, const Values& given,
                                  std::initializer_list<const char*> starts) {
  const auto first = [&](const char* key) {
    const auto found = given.find(key);
    return found == given.end() || found->second.empty() ? std::string()
                                                         : with_home(found->second.front());
  };
  std::filesystem::path path = first("recipe");
  const std::string run = first("run");
  // A missing run is told when everything is read.
  if (run.empty() || !path.empty() || first("resume") != "auto") return run.empty() ? "" : path;
  path = train::saved_recipe(run).value_or(std::filesystem::path());
  const bool starts_new = std::any_of(starts.begin(), starts.end(),
                                      [&](const char* key) { return !first(key).empty(); });
  if (path.empty() && !starts_new) {
    std::string keys;
    for (const char* key : starts) keys += fmt::format("{}--{}", keys.empty() ? "" : " or ", key);
    throw Error(ErrorCode::not_found,
                fmt::format("[{}] {} holds no run to go on with; to start one, use {}, or give a "
                            "recipe",
                            command, run, keys));
  }
  return path;
}

void read_recipe_file(const std::filesystem::path& path, OptionSet& keys) {
  if (path == "-")
    keys.read_toml_text(read_pipe(path), "standard input");
  else
    keys.read_toml(path);
}

void declare(RunFlags& flags, std::string_view example, Command& c) {
  c.options.add_path({"recipe",
                      "a TOML file with one option a line",
                      std::string(example),
                      {"config", "config_file"}},
                     flags.file);
  c.options.add_folder(
      {"run",
       "the run folder; created where it is missing",
       "runs/book",
       {"output_dir", "out_dir", "output", "o", "out", "save_dir", "checkpoint_dir"}},
      flags.run);
  c.options.add_choice({"resume",
                        "never: the folder must not hold a run; auto: go on from its newest whole "
                        "checkpoint, or begin where there is none",
                        "auto",
                        {"resume_from_checkpoint", "continue", "resume_from"}},
                       flags.resume, {"never", "auto"});
  c.positional = "recipe";
  c.required = {"run"};
}

}  // namespace stemma::cli
