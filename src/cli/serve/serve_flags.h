// The flags of `stemma serve`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/options.h"
#include "cli/model/draft_flags.h"
#include "serve/registry.h"

namespace stemma::cli {

struct ServeFlags {
  std::vector<std::string> models, adapters, origins;
  serve::ServeSettings settings;
  DraftFlags draft;
  std::string name, chat_template, host = "127.0.0.1", key_file, admin_key_file;
  std::int64_t port = 8080, most_connections = 1024;
  double rate_limit = 0;
};

void declare(ServeFlags& flags, OptionSet& options);

}  // namespace stemma::cli
