// Compiles a JSON schema: each object and array becomes a rule of an Nfa, named by the set of
// schemas that it satisfies, so $ref may be recursive. docs/constrained-output.md says what is
// supported and in which form a value is written.
//
//   const Pushdown automaton = compile_schema(Json::parse(text, "schema"));
//
// Throws invalid_argument: what is not supported (with its JSON pointer), a schema that no finite
// value satisfies, and above the limits of limits.h. Pure function.
#pragma once

#include "base/json.h"
#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

Pushdown compile_schema(const Json& schema);

}  // namespace stemma::grammar
