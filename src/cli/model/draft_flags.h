// --draft-tokens and --draft-model: speculative decoding, the same words for every command that
// writes text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/options.h"
#include "infer/loaded_model.h"

namespace stemma::cli {

struct DraftFlags {
  std::int64_t tokens = -1;  // not given: kUsualDraft with a draft model, otherwise none
  std::string model;
};
inline constexpr std::int64_t kUsualDraft = 6;

void declare(DraftFlags& flags, OptionSet& options);
// What --draft-tokens says.
std::int64_t draft_tokens(const DraftFlags& flags);
// The model of --draft-model, opened as `like` is; nothing where there is none.
std::optional<infer::LoadedModel> open_draft(const DraftFlags& flags, infer::ModelOptions like);

}  // namespace stemma::cli
