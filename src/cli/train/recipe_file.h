// The recipe file of a command that makes a run, read before the flags: those go before it.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/options.h"
#include "cli/program.h"

namespace stemma::cli {

// The file that `given` names as recipe, or the run's own where it goes on without one; empty:
// none. Throws not_found where a run is to go on that is not there and nothing of `starts` (the
// keys that a new run needs) is given.
std::filesystem::path recipe_path(std::string_view command, const Values& given,
                                  std::initializer_list<const char*> starts);
// Reads it, or standard input (-), into `keys`.
void read_recipe_file(const std::filesystem::path& path, OptionSet& keys);

// --run and --resume, as every such command has them, and the recipe as a bare argument.
struct RunFlags {
  std::string file, run, resume = "never";
};
void declare(RunFlags& flags, std::string_view example, Command& command);

}  // namespace stemma::cli
