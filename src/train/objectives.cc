#include "train/objectives.h"

#include <utility>

#include "train/next_token.h"

namespace stemma::train {

std::shared_ptr<const Objective> make_objective(const Recipe& recipe, const Dataset& data) {
  const SamplerOptions options{recipe.sequence_length, static_cast<std::uint64_t>(recipe.seed),
                               parse_packing(recipe.pack)};
  EvaluationWindows windows(data.validation(), options, recipe.eval_tokens);
  const std::int64_t bytes = windows.text_bytes(data.token_byte_counts());
  return std::make_shared<NextToken>(
      std::make_shared<SampledBatches>(Sampler(data.train(), options)),
      NextToken::Validation{std::move(windows), bytes});
}

}  // namespace stemma::train
