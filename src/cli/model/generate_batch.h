// `generate --batch`: many prompts at once, through the engine.
#pragma once

#include <string>
#include <vector>

#include "infer/loaded_model.h"
#include "infer/request.h"

namespace stemma::cli {

// Reads a JSON object a line from `path` (-: standard input): `prompt`, a text, or `messages`, a
// list of messages for a chat template, with `tools` where they are offered; `id`, anything, comes
// back. Prints a JSON object for each, in their order, as soon as those before it are done: `id`,
// `text`, `ids`, `finish_reason`, `prompt_tokens`, or `id` and `error`. Each row gets what
// `options` alone would give it. Returns the exit code: of the first row that failed, or kDone.
// Throws corrupt, naming the line, for one that is no such object, before anything runs.
struct BatchFile {
  std::string path;
  std::vector<std::string> allow_special;  // that `prompt` may contain
  std::string chat_template;               // chat::ChatTemplate::open(); empty: the model's own
  const infer::GenerateOptions& options;
  bool within_max_length = false;  // WritingOptions::within_max_length
};
int generate_batch(const infer::LoadedModel& model, const BatchFile& file);

}  // namespace stemma::cli
