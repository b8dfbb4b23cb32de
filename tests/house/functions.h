// Finds function bodies with a brace scan: enough to measure our own formatted code, not a parser.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace house {

struct Function {
  std::string name;  // "json.cc" has "parse"; lambdas inside a function belong to it
  int first_line, lines, parameters;
};

// `code` without comments and literals.
std::vector<Function> find_functions(std::string_view code);

}  // namespace house
