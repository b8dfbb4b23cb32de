#include "infer/generator.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "text/special_encoder.h"

namespace stemma::infer {

std::vector<std::int32_t> prompt_ids(const LoadedModel& model, std::string_view text,
                                     std::span<const std::string> allow_special) {
  model.require_next_token("generate");
  const Tokenizer& tokenizer = model.tokenizer();
  std::vector<std::int32_t> ids;
  SpecialEncoder(tokenizer, allowed_names(tokenizer, allow_special)).encode(text, ids);
  if (!ids.empty()) return tokenizer.frame(ids).ids;
  auto end = model.begin_of_text();
  if (const auto bos = model.generation().bos_token) {
    if (*bos < 0 || *bos >= model.config().vocab)
      log_warning(
          fmt::format("[generate] bos_token_id {} of generation_config.json is no id of the "
                      "model, and is left out",
                      *bos));
    else
      end = static_cast<std::int32_t>(*bos);
  }
  if (!end)
    throw Error(
        ErrorCode::invalid_argument,
        "[generate] the prompt is empty and the model has no end-of-text token to begin with: give "
        "some text");
  return {*end};
}

Generation generate(const LoadedModel& model, std::span<const std::int32_t> prompt,
                    const GenerateOptions& options, EngineOptions engine) {
  model.require_next_token("generate");
  const std::int64_t context = model.most_tokens();
  const std::int64_t wanted = std::clamp<std::int64_t>(options.max_tokens, 0, context);
  // No more cache than this text can fill.
  engine.slots = 1;
  engine.capacity = std::clamp<std::int64_t>(std::ssize(prompt) + wanted, 1, context);
  Generation result = std::move(
      Engine(model, engine).run({Request{{prompt.begin(), prompt.end()}, options, {}}}).front());
  if (result.error) std::rethrow_exception(result.error);
  return result;
}

}  // namespace stemma::infer
