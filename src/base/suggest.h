// "Did you mean": the known name nearest to a misspelt one. Pure functions.
//
//   throw Error(..., fmt::format("unknown model '{}'{}", name, did_you_mean(name, known)));
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace stemma {

// The name nearest to `text` by edit distance (insert, delete, replace, swap of neighbours; case
// and
// '-' or '_' make no difference), if about two thirds of it are right; else the only name that
// `text` begins; else "". The first of equally near ones.
std::string closest_name(std::string_view text, std::span<const std::string> names);

// "; did you mean 'learning_rate'?", or "" where no name is near.
std::string did_you_mean(std::string_view text, std::span<const std::string> names);

}  // namespace stemma
