// The flags of `stemma chat`.
#pragma once

#include <cstdint>
#include <string>

#include "base/options.h"
#include "cli/model_flags.h"
#include "serve/terminal/talker.h"

namespace stemma::cli {

struct ChatFlags {
  ModelFlags model;
  std::string url, system, chat_template, key_file;
  double temperature = -1, top_p = -1, min_p = -1;
  std::int64_t top_k = -1, max_tokens = -1, seed = -1, drafted = 0;
  bool quiet = false;

  // Without what is left to the model's makers.
  serve::TalkOptions talk_options() const;
};

void declare(ChatFlags& flags, OptionSet& options);
// Throws invalid_argument for an option that would do nothing.
void check_flags(const ChatFlags& flags, const OptionSet& options);

}  // namespace stemma::cli
