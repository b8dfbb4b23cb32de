// `generate --batch`: many prompts at once, through the engine.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "infer/engine.h"
#include "infer/loaded_model.h"
#include "infer/request.h"

namespace stemma::cli {

// Reads a JSON object a line from `path` (-: standard input): `prompt`, a text, or `messages`, a
// list of messages for a chat template, with `tools` where they are offered; `id`, anything, comes
// back. Writes a JSON object for each, in their order, as soon as those before it are done: `id`,
// `text`, `ids`, `finish_reason`, `prompt_tokens`, or `id` and `error`. Each row gets what
// `options` alone would give it. With `output`, a file that has the first rows already gets the
// missing ones (batch_output.h). Returns the exit code: of the first row that failed, kUsage where
// one had failed in an earlier run, or kDone.
// Throws corrupt, naming the line, for one that is no such object, before anything runs.
struct BatchFile {
  std::string path, output;                // output: empty: standard output
  std::vector<std::string> allow_special;  // that `prompt` may contain
  std::string chat_template;               // chat::ChatTemplate::open(); empty: the model's own
  infer::GenerateOptions options = {};
  bool within_max_length = false;  // WritingOptions::within_max_length
  bool drawn_seed = false;         // nobody gave it: a file that was begun keeps its own
  Json settings = {};              // batch_settings.h; of a file only
};
int generate_batch(const infer::LoadedModel& model, BatchFile file, infer::EngineOptions engine);

}  // namespace stemma::cli
