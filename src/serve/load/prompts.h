// What a load generator's clients ask: random words.
#pragma once

#include <cstdint>
#include <string>

#include "serve/load/load.h"

namespace stemma::serve {

// The prompt of request `number`: the same for the same plan, and no two alike.
std::string load_prompt(const LoadPlan& plan, std::int64_t number);

}  // namespace stemma::serve
