// --json-schema, --json-object, --regex and --choice: what a generated text may be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/options.h"
#include "infer/loaded_model.h"
#include "text/grammar/grammar.h"
#include "text/grammar/mask_cache.h"

namespace stemma::cli {

struct ConstraintFlags {
  std::string json_schema, regex;
  std::vector<std::string> choices;
  bool json_object = false;
};

void declare(ConstraintFlags& flags, OptionSet& options);
// The grammar of the one flag that is given; null: none is. Throws invalid_argument for two of them
// or an impossible one, not_found for a schema's file that is not there.
grammar::SharedGrammar grammar_of(const ConstraintFlags& flags, const OptionSet& options);

}  // namespace stemma::cli
