// What an answer may be: any text, JSON, JSON of a schema, words of a regular expression or one of
// a few texts.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "serve/api/fields.h"
#include "serve/model_host.h"

namespace stemma::serve {

using Constraint = std::shared_ptr<const grammar::MaskCache>;  // null: any text

// {"type": "text" | "json_object" | "json_schema", "json_schema": {"name", "strict", "schema"}};
// flat, as /v1/responses has it: the fields of json_schema lie in the format itself. Throws
// ApiError.
enum class FormatForm : std::uint8_t { nested, flat };
Constraint read_format(const Json& format, const std::string& path, FormatForm form,
                       ModelHost& host);

// Whether a body may name a form that has to be compiled, which can take seconds.
bool asks_for_form(const Json& body);

// `response_format` and, as vLLM has them, `guided_json`, `guided_regex` and `guided_choice`: at
// most one of these. Throws ApiError.
Constraint read_constraint(Fields& fields, ModelHost& host);

}  // namespace stemma::serve
