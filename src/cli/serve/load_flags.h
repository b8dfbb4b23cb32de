// The flags of `stemma load`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/options.h"
#include "serve/load/load.h"

namespace stemma::cli {

struct LoadFlags {
  serve::LoadPlan plan;
  std::string url = "http://127.0.0.1:8080/v1", words = "128", model, key_file, picture;
  std::vector<std::string> routes = {"completions"};
  std::int64_t seed = 1;
  bool json = false;

  // What they ask for. Throws invalid_argument.
  serve::LoadPlan load_plan() const;
};

void declare(LoadFlags& flags, OptionSet& options);

}  // namespace stemma::cli
