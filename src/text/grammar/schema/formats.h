// The values of `format` in a JSON schema that are checked, as regular expressions.
//
//   format_pattern("ipv4");    // "(25[0-5]|...)..."; null pointer for an unknown name
//
// Where a format is not regular in full, the pattern holds a part of it, so that what matches is
// always valid: docs/constrained-output.md says which. Constant data; any thread.
#pragma once

#include <string>
#include <string_view>

namespace stemma::grammar {

const std::string* format_pattern(std::string_view name);
// "date, date-time, ...", for messages.
std::string format_names();

}  // namespace stemma::grammar
