#include "serve/api/sampling.h"

#include <charconv>
#include <random>

#include <fmt/format.h>

#include "infer/generation_defaults.h"
#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

constexpr std::size_t kMostStops = 4, kMostStopBytes = 1024, kMostBiases = 1024;
constexpr std::int64_t kMostChoices = 128;

std::vector<std::string> read_stops(Fields& fields) {
  const Json* value = fields.take("stop");
  if (!value) return {};
  std::vector<std::string> stops;
  const auto add = [&](const Json& item) {
    if (!item.is_string() || item.as_string().empty() || item.as_string().size() > kMostStopBytes)
      throw ApiError(400,
                     fmt::format("'{}' must be a text of 1 to {} bytes, or a list of such",
                                 fields.path_of("stop"), kMostStopBytes),
                     "stop");
    stops.push_back(item.as_string());
  };
  if (value->is_array())
    for (const Json& item : value->as_array()) add(item);
  else
    add(*value);
  if (stops.size() > kMostStops)
    throw ApiError(
        400, fmt::format("'stop' has {} texts, at most {} are possible", stops.size(), kMostStops),
        "stop");
  return stops;
}

std::vector<std::pair<std::int32_t, double>> read_biases(Fields& fields, std::int64_t vocab) {
  std::vector<std::pair<std::int32_t, double>> biases;
  const Json* value = fields.take("logit_bias");
  if (!value) return biases;
  const auto refuse = [](const std::string& what) {
    throw ApiError(400, "'logit_bias' must map token ids to numbers between -100 and 100" + what,
                   "logit_bias");
  };
  if (!value->is_object() || value->as_object().size() > kMostBiases)
    refuse(fmt::format(", {} of them at most", kMostBiases));
  for (const auto& [name, bias] : value->as_object()) {
    std::int32_t id = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || end != name.data() + name.size() || id < 0 || id >= vocab)
      refuse(fmt::format("; '{}' is no token of the model's {}", name, vocab));
    if (!bias.is_number() || !(std::abs(bias.as_double()) <= 100)) refuse("; of " + name);
    biases.emplace_back(id, bias.as_double());
  }
  return biases;
}

std::vector<std::int32_t> read_stop_ids(Fields& fields) {
  std::vector<std::int32_t> ids;
  const Json* value = fields.take("stop_token_ids");
  if (!value) return ids;
  const auto refuse = [] {
    throw ApiError(400, "'stop_token_ids' must be a list of token ids", "stop_token_ids");
  };
  if (!value->is_array() || value->as_array().size() > kMostBiases) refuse();
  for (const Json& id : value->as_array()) {
    if (!id.is_int() || id.as_int() < 0 || id.as_int() >= INT32_MAX) refuse();
    ids.push_back(static_cast<std::int32_t>(id.as_int()));
  }
  return ids;
}

}  // namespace

infer::GenerateOptions read_sampling(Fields& fields, const ModelHost& host) {
  infer::GenerateOptions options = infer::generation_defaults(host.model());
  infer::SamplingOptions& s = options.sampling;
  const bool drawn_by_default = s.temperature > 0;
  s.temperature = fields.number("temperature", 0, 2).value_or(drawn_by_default ? s.temperature : 1);
  if (const auto top_p = fields.number("top_p", 0, 1)) {
    s.top_p = *top_p > 0 ? *top_p : 1;
    if (*top_p == 0) s.temperature = 0;  // the likeliest token alone has more than no probability
  }
  s.frequency_penalty = fields.number("frequency_penalty", -2, 2).value_or(0);
  s.presence_penalty = fields.number("presence_penalty", -2, 2).value_or(0);
  s.top_k = fields.integer("top_k", -1, 1 << 24).value_or(s.top_k);
  if (s.top_k < 0) s.top_k = 0;  // "all", as vLLM has it
  s.min_p = fields.number("min_p", 0, 1).value_or(s.min_p);
  s.repetition_penalty =
      fields.number("repetition_penalty", 0.01, 100).value_or(s.repetition_penalty);
  s.logit_bias = read_biases(fields, host.model().config().vocab);
  const auto seed = fields.integer("seed", INT64_MIN, INT64_MAX);
  // Drawn seeds lie apart: those of the other choices follow.
  s.seed = seed ? static_cast<std::uint64_t>(*seed) : std::uint64_t{std::random_device()()} << 20;
  options.stop = read_stops(fields);
  options.end_tokens = read_stop_ids(fields);
  options.ignore_end_of_text = fields.boolean("ignore_eos").value_or(false);
  return options;
}

std::int64_t read_choices(Fields& fields) {
  return fields.integer("n", 1, kMostChoices).value_or(1);
}

std::string finish_word(infer::FinishReason reason) {
  return reason == infer::FinishReason::length || reason == infer::FinishReason::context ? "length"
                                                                                         : "stop";
}

}  // namespace stemma::serve
