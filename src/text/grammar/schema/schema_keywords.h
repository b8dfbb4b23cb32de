// Which keywords of JSON schema there are, and the types of their values.
//
//   check_keywords(schema, "#/items");    // throws: [schema] #/items: multipleOf is not supported
//
// Nothing that would change what is valid is passed over: a keyword is supported, an annotation
// without effect, or refused. Names that begin with "x-" are annotations. Pure functions.
#pragma once

#include <string_view>

#include "base/json.h"

namespace stemma::grammar {

// schema: an object.
void check_keywords(const Json& schema, std::string_view pointer);
// Whether it has a keyword about the value itself, beside those that combine schemas.
bool has_plain_keyword(const Json& schema);

}  // namespace stemma::grammar
