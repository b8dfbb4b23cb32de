// The input of /v1/responses as a conversation.
#pragma once

#include "base/json.h"
#include "serve/api/fields.h"

namespace stemma::serve {

// `instructions` and `input`: a text, or a list of messages, of calls ("function_call") and of
// their results ("function_call_output"). The messages as chat templates get them. Throws ApiError
// naming the field.
Json read_response_input(Fields& fields, bool has_developer);

}  // namespace stemma::serve
