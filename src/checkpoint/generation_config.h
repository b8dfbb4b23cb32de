// generation_config.json: how a model's makers want texts of it to be drawn and where these end.
//
//   GenerationConfig config = read_generation_config("models/smollm2/generation_config.json");
//   config.end_tokens;        // {2}
//
// The file is transformers' GenerationConfig, and its keys mean what they mean there: temperature
// and the like count where do_sample is true, then with transformers' defaults (temperature 1,
// top_k 50). docs/formats.md has the table of its keys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace stemma::checkpoint {

struct GenerationConfig {
  std::vector<std::int64_t> end_tokens;  // eos_token_id, one or a list; empty: not given
  bool do_sample = false;
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k, max_new_tokens;
  std::optional<std::int64_t> max_length;  // of prompt and continuation, without max_new_tokens
  std::optional<std::int64_t> bos_token;   // begins a text that nothing precedes
  std::vector<std::string> stop_strings;
  // Keys that would change texts, with their values, and that nothing here computes:
  // "no_repeat_ngram_size 3".
  std::vector<std::string> not_computed;
  Json file;  // all of it, for copies; null: the model has none
};

// `where` names the file in errors. Throws corrupt: a value of the wrong type or an impossible one.
GenerationConfig parse_generation_config(const Json& json, std::string_view where);
// Of a model's folder: generation_config.json or, as transformers has it where that is missing, the
// same keys of config.json, less those of special tokens. Throws corrupt, device.
GenerationConfig read_generation_config(const std::filesystem::path& folder);

}  // namespace stemma::checkpoint
