// `tokenizer train --kind characters|bytes`.
#pragma once

#include "cli/tokenizer/trainer_flags.h"

namespace stemma::cli {

// Counts the characters of the input, writes a character tokenizer and tells about it. Returns the
// exit code.
int train_characters(const TrainerFlags& flags);

}  // namespace stemma::cli
