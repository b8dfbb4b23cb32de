// How `tokenizer bench` reports what it measured; tokenizer_bench.cc has the command.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "text/report/tokenizer_bench.h"

namespace stemma::cli {

// {"tokenizers": [...], "peak_memory_bytes"}: rates in bytes a second, as median, min and max.
Json tokenizer_bench_json(const std::vector<report::TokenizerRates>& results);

// A table. `out`: the above with "threads" and, where it was measured, "memory"
// {"read_bytes_per_s", "copy_bytes_per_s"}.
std::string tokenizer_bench_text(const Json& out,
                                 const std::vector<report::TokenizerRates>& results);

}  // namespace stemma::cli
