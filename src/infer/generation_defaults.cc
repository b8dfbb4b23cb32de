#include "infer/generation_defaults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace stemma::infer {

GenerateOptions generation_defaults(const LoadedModel& model) {
  const checkpoint::GenerationConfig& config = model.generation();
  if (!config.not_computed.empty())
    throw Error(
        ErrorCode::unsupported,
        fmt::format(
            "[generate] generation_config.json (or config.json) of {} asks for {}, which is "
            "not supported: leave it out of account with --ignore-generation-config, or "
            "take the keys out",
            model.path().string(), fmt::join(config.not_computed, ", ")));
  GenerateOptions options;
  SamplingOptions& sampling = options.sampling;
  // Without do_sample transformers leaves these unused; here they wait for a temperature.
  if (config.do_sample) {
    sampling.temperature = config.temperature.value_or(1);
    sampling.top_k = 50;
  }
  sampling.top_k = config.top_k.value_or(sampling.top_k);
  sampling.top_p = config.top_p.value_or(sampling.top_p);
  sampling.min_p = config.min_p.value_or(sampling.min_p);
  sampling.repetition_penalty = config.repetition_penalty.value_or(sampling.repetition_penalty);
  options.max_tokens = config.max_new_tokens.value_or(options.max_tokens);
  options.stop = config.stop_strings;
  return options;
}

std::int64_t tokens_within_max_length(const LoadedModel& model, std::int64_t prompt_tokens,
                                      std::int64_t max_tokens) {
  const checkpoint::GenerationConfig& config = model.generation();
  if (!config.max_length || config.max_new_tokens) return max_tokens;
  if (*config.max_length <= prompt_tokens)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[generate] the prompt has {} tokens and generation_config.json says "
                            "max_length {} for prompt and answer: say --max-tokens",
                            prompt_tokens, *config.max_length));
  return *config.max_length - prompt_tokens;
}

}  // namespace stemma::infer
