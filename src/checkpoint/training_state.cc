#include "checkpoint/training_state.h"

#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

// Numbers of 64 bits that need not fit JSON's integers are written as 16 hexadecimal digits.
std::string hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::int64_t count(const Json& json, std::string_view key) {
  const std::int64_t value = json.at(key).as_int();
  if (value < 0)
    throw Error(ErrorCode::corrupt, fmt::format("{} must not be negative, got {}", key, value));
  return value;
}

std::uint64_t bits(const Json& json, std::string_view key) {
  const std::string& text = json.at(key).as_string();
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (text.size() != 16 || stop != end || error != std::errc{})
    throw Error(ErrorCode::corrupt,
                fmt::format("{} must be 16 hexadecimal digits, got {}", key, in_quotes(text)));
  return value;
}

}  // namespace

bool TrainingState::operator==(const TrainingState& other) const {
  return to_json(*this).dump() == to_json(other).dump();
}

Json to_json(const TrainingState& state) {
  Json json = Json::object({{"step", state.step},
                            {"sequences_consumed", state.sequences_consumed},
                            {"tokens", state.tokens},
                            {"seed", hex(state.seed)},
                            {"recipe_hash", hex(state.recipe_hash)}});
  if (!state.extra.is_null()) json.set("extra", state.extra);
  return json;
}

TrainingState parse_training_state(const Json& json, std::string_view where) {
  try {
    TrainingState state;
    state.step = count(json, "step");
    state.sequences_consumed = count(json, "sequences_consumed");
    state.tokens = count(json, "tokens");
    state.seed = bits(json, "seed");
    state.recipe_hash = bits(json, "recipe_hash");
    if (const Json* extra = json.find("extra")) state.extra = *extra;
    return state;
  } catch (const Error& error) {
    throw Error(ErrorCode::corrupt, fmt::format("[training_state] {}: {}", where, error.what()));
  }
}

}  // namespace stemma::checkpoint
