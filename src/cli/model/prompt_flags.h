// The options of `generate` that say which text is continued.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/options.h"
#include "infer/loaded_model.h"
#include "infer/request.h"

namespace stemma::cli {

struct PromptFlags {
  std::string prompt, prompt_file, ids, chat, system, chat_template, batch;
  std::vector<std::string> allow_special;
};

void declare(PromptFlags& flags, OptionSet& options);
// Whether the command line, the environment or a file says it.
bool is_given(const OptionSet& options, const char* key);
// Before the model is opened, which may take long. Throws invalid_argument where there is not one
// text to continue.
void check_prompt_flags(const OptionSet& options);
// The prompt's ids, from the one flag that gives it (not --batch); of a chat, what ends the answer
// goes to `writing`.
std::vector<std::int32_t> prompt_of(const PromptFlags& flags, const OptionSet& options,
                                    const infer::LoadedModel& model,
                                    infer::GenerateOptions& writing);

}  // namespace stemma::cli
