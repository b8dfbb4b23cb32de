// What a model's text may be (text/grammar): masks over the model's tokens.
//
//   const auto tokens = constraint_tokens(model);                       // once for a model
//   request.options.constraint = constraint(grammar::json_grammar(), tokens);
#pragma once

#include <memory>

#include "infer/loaded_model.h"
#include "text/grammar/grammar.h"
#include "text/grammar/mask_cache.h"

namespace stemma::infer {

// The model's tokens, and those that end its texts: its own, and those of its chat template (with
// `format`: of that one, as in chat_prompt.h). Throws not_found without a tokenizer.
std::shared_ptr<const grammar::TokenTable> constraint_tokens(const LoadedModel& model,
                                                             const std::string& format = "");
// Keeps at most 16 MiB of masks.
std::shared_ptr<const grammar::MaskCache> constraint(
    grammar::SharedGrammar grammar, std::shared_ptr<const grammar::TokenTable> tokens);

}  // namespace stemma::infer
