// The objectives that a recipe can name, each on the recipe's data.
#pragma once

#include <memory>

#include "data/dataset.h"
#include "train/objective.h"
#include "train/recipe.h"

namespace stemma::train {

// `recipe` resolved. Throws what the samplers of data/ throw.
std::shared_ptr<const Objective> make_objective(const Recipe& recipe, const Dataset& data);

}  // namespace stemma::train
