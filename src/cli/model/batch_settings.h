// All that the answers of `generate --batch` depend on, beside its rows: what a file that a run
// began must have been begun with (batch_output.h).
#pragma once

#include "base/json.h"
#include "cli/model/constraint_flags.h"
#include "cli/model/generate_options.h"
#include "cli/model/prompt_flags.h"
#include "cli/model_flags.h"
#include "infer/loaded_model.h"

namespace stemma::cli {

// An object of the options' values. Model, adapter, tokenizer, schema and template stand as hashes
// of their files' contents, so that other weights under the same name are noticed. Reads all of
// them: a fraction of a second for each gigabyte. Throws device where one cannot be read.
Json batch_settings(const infer::LoadedModel& model, const ModelFlags& flags,
                    const infer::GenerateOptions& writing, const PromptFlags& prompt,
                    const ConstraintFlags& constraint);

}  // namespace stemma::cli
