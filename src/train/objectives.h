// The objectives that a recipe can name, each on the recipe's data.
#pragma once

#include <memory>
#include <string_view>

#include "data/dataset.h"
#include "text/tokenizer.h"
#include "train/objective.h"
#include "train/recipe.h"

namespace stemma::train {

// What models of this configuration are usually trained for: "lm", the next token, for those that
// are causal; "mlm", masked tokens with next sentence, for the others.
std::string_view default_objective(const ModelConfig& config);

// Throws unsupported where this objective cannot train such a model, naming it.
void require_objective(std::string_view objective, const ModelConfig& config);

// `recipe` resolved. Throws unsupported where the tokenizer has not the special tokens that the
// objective needs, and what the samplers of data/ throw.
std::shared_ptr<const Objective> make_objective(const Recipe& recipe, const ModelConfig& config,
                                                const Tokenizer& tokenizer, const Dataset& data);

}  // namespace stemma::train
