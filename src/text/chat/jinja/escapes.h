// The escapes of Python's string literals.
//
//   unescaped("a\\n\\u00e9");                     // "a\né"
//
// Pure functions: any thread, no errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stemma::chat::jinja {

// What stands between the quotes of a literal; an unknown escape stays as it is. Nothing where one
// is cut off or is no character.
std::optional<std::string> unescaped(std::string_view text);

}  // namespace stemma::chat::jinja
