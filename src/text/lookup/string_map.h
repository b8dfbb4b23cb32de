// A hash table with strings as keys that is asked with a std::string_view, so that no question
// copies a string.
//
//   StringMap<int> ids;
//   ids.emplace("the", 1);
//   ids.find(std::string_view("the"));      // no std::string is made
//
// A std::unordered_map: the same rules for threads and iterators.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace stemma::lookup {

struct StringHash : std::hash<std::string_view> {
  using is_transparent = void;
};
template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

}  // namespace stemma::lookup
