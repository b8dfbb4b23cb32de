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
        fmt::format("[generate] {} asks for {}, which is not supported: leave the file out of "
                    "account with --ignore-generation-config, or take the keys out",
                    (model.path() / "generation_config.json").string(),
                    fmt::join(config.not_computed, ", ")));
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

}  // namespace stemma::infer
