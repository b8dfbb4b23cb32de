#include "cli/model/draft_flags.h"

namespace stemma::cli {

void declare(DraftFlags& flags, OptionSet& options) {
  options.add(
      {"draft_tokens",
       "guess up to so many tokens ahead and check them in one pass (speculative decoding), "
       "which changes the speed and never the text; without --draft-model the guess is that "
       "the text repeats itself; 0: do not guess",
       "6",
       {"draft", "draft_max", "num_speculative_tokens", "speculate"}},
      flags.tokens, {-1, 64});
  options.add_path({"draft_model",
                    "a smaller model with the same tokenizer that guesses, 6 tokens unless "
                    "--draft-tokens says otherwise",
                    "models/small",
                    {"model_draft", "md", "speculative_model"}},
                   flags.model);
}

std::int64_t draft_tokens(const DraftFlags& flags) {
  if (flags.tokens >= 0) return flags.tokens;
  return flags.model.empty() ? 0 : kUsualDraft;
}

std::optional<infer::LoadedModel> open_draft(const DraftFlags& flags, infer::ModelOptions like) {
  if (flags.model.empty() || draft_tokens(flags) == 0) return std::nullopt;
  like.path = flags.model;
  like.adapter.clear();
  return infer::LoadedModel::open(like);
}

}  // namespace stemma::cli
