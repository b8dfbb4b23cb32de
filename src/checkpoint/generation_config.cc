#include "checkpoint/generation_config.h"

#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace stemma::checkpoint {
namespace {

constexpr std::uint64_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxEndTokens = 1000;

// What transformers' generate() does with these changes texts. `neutral`: the value that does not;
// null: any value does.
struct NotComputed {
  std::string_view key;
  std::optional<double> neutral;
};
constexpr std::array<NotComputed, 29> kNotComputed = {{
    {"num_beams", 1},
    {"num_beam_groups", 1},
    {"num_return_sequences", 1},
    {"penalty_alpha", 0},
    {"dola_layers", {}},
    {"no_repeat_ngram_size", 0},
    {"encoder_no_repeat_ngram_size", 0},
    {"encoder_repetition_penalty", 1},
    {"bad_words_ids", {}},
    {"force_words_ids", {}},
    {"constraints", {}},
    {"forced_bos_token_id", {}},
    {"forced_eos_token_id", {}},
    {"forced_decoder_ids", {}},
    {"suppress_tokens", {}},
    {"begin_suppress_tokens", {}},
    {"sequence_bias", {}},
    {"typical_p", 1},
    {"top_h", {}},
    {"epsilon_cutoff", 0},
    {"eta_cutoff", 0},
    {"diversity_penalty", 0},
    {"exponential_decay_length_penalty", {}},
    {"guidance_scale", 1},
    {"min_length", 0},
    {"min_new_tokens", 0},
    {"max_time", {}},
    {"watermarking_config", {}},
    {"token_healing", 0},
}};

bool changes_texts(const Json& value, const std::optional<double>& neutral) {
  if (value.is_null()) return false;
  if (value.is_array()) return !value.as_array().empty();
  if (value.is_bool()) return value.as_bool();
  return !neutral || !value.is_number() || value.as_double() != *neutral;
}

// Nothing where the key is missing or null.
std::optional<double> number(const Json& json, std::string_view key, double min, double max) {
  const Json* value = json.find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  const double x = value->as_double();
  if (!(x >= min && x <= max))
    throw Error(ErrorCode::corrupt,
                fmt::format("{} must be from {} to {}, it is {}", key, min, max, x));
  return x;
}

std::optional<std::int64_t> count(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  const std::int64_t n = value->as_int();
  if (n < 0) throw Error(ErrorCode::corrupt, fmt::format("{} must not be negative: {}", key, n));
  return n;
}

std::vector<std::int64_t> ids(const Json* value) {
  std::vector<std::int64_t> list;
  if (value == nullptr || value->is_null()) return list;
  if (!value->is_array()) return {value->as_int()};
  for (const Json& id : value->as_array()) list.push_back(id.as_int());
  if (list.size() > kMaxEndTokens)
    throw Error(ErrorCode::corrupt,
                fmt::format("eos_token_id lists more than {} tokens", kMaxEndTokens));
  return list;
}

GenerationConfig parse_unwrapped(const Json& json) {
  json.as_object();
  GenerationConfig config;
  config.end_tokens = ids(json.find("eos_token_id"));
  config.do_sample = json.get("do_sample", false);
  config.temperature = number(json, "temperature", 0, 100);
  config.top_k = count(json, "top_k");
  config.top_p = number(json, "top_p", 0, 1);
  config.min_p = number(json, "min_p", 0, 1);
  config.repetition_penalty = number(json, "repetition_penalty", 1e-3, 100);
  config.max_new_tokens = count(json, "max_new_tokens");
  config.max_length = count(json, "max_length");
  if (const Json* bos = json.find("bos_token_id"); bos && !bos->is_null())
    config.bos_token = bos->as_int();
  if (const Json* stop = json.find("stop_strings"); stop && stop->is_string())
    config.stop_strings.push_back(stop->as_string());
  else if (stop && stop->is_array())
    for (const Json& text : stop->as_array()) config.stop_strings.push_back(text.as_string());
  for (const auto& [key, neutral] : kNotComputed)
    if (const Json* value = json.find(key); value && changes_texts(*value, neutral))
      config.not_computed.push_back(fmt::format("{} {}", key, value->dump()));
  config.file = json;
  return config;
}

}  // namespace

GenerationConfig parse_generation_config(const Json& json, std::string_view where) {
  try {
    return parse_unwrapped(json);
  } catch (const Error& error) {
    throw Error(ErrorCode::corrupt, fmt::format("[generation_config] {}: {}", where, error.what()));
  }
}

GenerationConfig read_generation_config(const std::filesystem::path& folder) {
  std::error_code ignored;
  const std::filesystem::path file = folder / "generation_config.json";
  if (std::filesystem::is_regular_file(file, ignored))
    return parse_generation_config(Json::parse(read_file(file, kMaxBytes), file.string()),
                                   file.string());
  const std::filesystem::path config = folder / "config.json";
  if (!std::filesystem::is_regular_file(config, ignored)) return {};
  const Json all = Json::parse(read_file(config, 16 * kMaxBytes), config.string());
  Json json = Json::object();
  const auto take = [&](std::string_view key) {
    if (const Json* value = all.is_object() ? all.find(key) : nullptr) json.set(key, *value);
  };
  for (const char* key : {"do_sample", "temperature", "top_k", "top_p", "min_p",
                          "repetition_penalty", "max_new_tokens", "max_length", "stop_strings"})
    take(key);
  for (const NotComputed& one : kNotComputed) take(one.key);
  GenerationConfig found = parse_generation_config(json, config.string());
  // A copy has a file of its own only where there was something to say.
  if (json.as_object().empty()) found.file = Json();
  return found;
}

}  // namespace stemma::checkpoint
