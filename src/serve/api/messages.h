// The messages of a conversation, as clients send them and as chat templates get them.
#pragma once

#include <string>

#include "base/json.h"
#include "serve/api/fields.h"

namespace stemma::serve {

// `messages`: contents become texts, the arguments of calls objects; a result of a tool must name a
// call that came before it. knows_developer: whether the template has that role, which is otherwise
// called system. Throws ApiError naming the field.
Json read_messages(Fields& fields, bool knows_developer);

// A text, or a list of parts {"type": `type`, "text": ...}, joined.
std::string content_of(const Json& value, const std::string& path, const char* type = "text");

// {"id", "type", "function"} of a call; `arguments`: a JSON object as text, as clients send it.
Json call_of(const std::string& id, const std::string& name, const std::string& arguments,
             const std::string& path);

// Whether a model's chat template has the role "developer".
bool knows_developer(std::string_view chat_template);

}  // namespace stemma::serve
