// Attention patterns by name, as recipes and configuration files write them: "dense", "local:256",
// "dilated:64", "strided:128" (kernels/attention.h says which tokens each sees).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/attention.h"

namespace stemma {

// Without ":k" the k is 256. Throws invalid_argument for another name, or a k that is no number of
// at least 1.
kernels::AttentionPattern pattern_named(std::string_view name);
std::string to_string(const kernels::AttentionPattern& pattern);

// One pattern for each layer: `names` repeated from the first. Empty: dense everywhere.
std::vector<kernels::AttentionPattern> repeated_patterns(const std::vector<std::string>& names,
                                                         std::int64_t layers);

}  // namespace stemma
