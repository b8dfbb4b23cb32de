// Fields that several routes have.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "serve/api/answer.h"
#include "serve/api/fields.h"

namespace stemma::serve {

// Texts as token ids: the field is a text, a list of texts, a list of token ids, or a list of such
// lists; at most `most` of them. encode: the ids of a text. Throws ApiError naming the field.
std::vector<std::vector<std::int32_t>> read_texts(
    Fields& fields, std::string_view name, std::size_t most, std::int64_t vocab,
    const std::function<std::vector<std::int32_t>(const std::string&)>& encode);

// The body of a request as JSON. Throws ApiError.
Json parsed_body(const HttpRequest& request);

// stream and stream_options.
AnswerOptions read_stream(Fields& fields);

}  // namespace stemma::serve
