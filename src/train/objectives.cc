#include "train/objectives.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "train/masked_tokens.h"
#include "train/next_token.h"

namespace stemma::train {
namespace {

std::shared_ptr<const Objective> next_token(const Recipe& recipe, const Dataset& data) {
  const SamplerOptions options{recipe.sequence_length, static_cast<std::uint64_t>(recipe.seed),
                               parse_packing(recipe.pack)};
  EvaluationWindows windows(data.validation(), options, recipe.eval_tokens);
  const std::int64_t bytes = windows.text_bytes(data.token_byte_counts());
  return std::make_shared<NextToken>(
      std::make_shared<SampledBatches>(Sampler(data.train(), options)),
      NextToken::Validation{std::move(windows), bytes});
}

// Pairs need two documents: a smaller validation split is none.
std::optional<MaskedTokens::Validation> held_out(const Recipe& recipe, const Dataset& data,
                                                 const MaskedSamplerOptions& options) {
  if (data.validation()->documents() < 2) {
    if (recipe.eval_every > 0)
      log_warning(
          "[train] there is no evaluation: masked tokens with next sentence need two validation "
          "documents at least; raise validation_fraction, or give more documents");
    return std::nullopt;
  }
  auto batches = std::make_shared<MaskedBatches>(MaskedSampler(data.validation(), options));
  std::int64_t sequences = batches->sampler().stretches();
  if (recipe.eval_tokens > 0)
    sequences =
        std::clamp<std::int64_t>(recipe.eval_tokens / options.sequence_length, 1, sequences);
  return MaskedTokens::Validation{std::move(batches), sequences};
}

std::shared_ptr<const Objective> masked_tokens(const Recipe& recipe, const ModelConfig& config,
                                               const Tokenizer& tokenizer, const Dataset& data) {
  if (recipe.pack != Recipe().pack)
    throw Error(ErrorCode::invalid_argument,
                "[train] pack is a choice of objective lm; mlm takes pairs of pieces out of one "
                "document each: leave it out");
  const MaskedSamplerOptions options{
      recipe.sequence_length, static_cast<std::uint64_t>(recipe.seed), mask_specials(tokenizer)};
  return std::make_shared<MaskedTokens>(
      std::make_shared<MaskedBatches>(MaskedSampler(data.train(), options)), config.pair_head,
      held_out(recipe, data, options));
}

}  // namespace

std::string_view default_objective(const ModelConfig& config) {
  return config.causal ? "lm" : "mlm";
}

void require_objective(std::string_view objective, const ModelConfig& config) {
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorCode::unsupported,
                fmt::format("[train] objective {} does not train a model of "
                            "family {}: {}",
                            objective, config.family, why));
  };
  if (!config.token_head) fail("it has no token head, as language models do; choose another model");
  if (objective != default_objective(config))
    fail(config.causal
             ? "each of its tokens sees only those before it; use lm"
             : "its tokens see those after them, so the next one is no question; use mlm");
}

std::shared_ptr<const Objective> make_objective(const Recipe& recipe, const ModelConfig& config,
                                                const Tokenizer& tokenizer, const Dataset& data) {
  return recipe.objective == "mlm" ? masked_tokens(recipe, config, tokenizer, data)
                                   : next_token(recipe, data);
}

}  // namespace stemma::train
