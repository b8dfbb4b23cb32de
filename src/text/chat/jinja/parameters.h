// The arguments of a filter, function or method by the names of its parameters.
//
//   const Parameters p(machine, "indent", arguments, {"width", "first", "blank"});
//   const bool first = p.flag(1, false);
//
// Fails where there are too many, or one that has no such name or another type. Keeps references.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat/jinja/machine.h"

namespace stemma::chat::jinja {

class Parameters {
 public:
  Parameters(Machine& machine, std::string_view who, const Arguments& arguments,
             std::initializer_list<std::string_view> names);
  Parameters(Machine&, std::string_view, Arguments&&, std::initializer_list<std::string_view>) =
      delete;  // it would not outlive the temporary

  // Null where it was not given.
  const Value* find(std::size_t place) const { return values_[place]; }
  // The same for none.
  const Value* find_some(std::size_t place) const;
  bool flag(std::size_t place, bool fallback) const;
  std::int64_t integer(std::size_t place, std::int64_t fallback) const;
  // As str() prints it.
  MarkedText text(std::size_t place, std::string_view fallback) const;
  // Must be given. Fails otherwise.
  const Value& needed(std::size_t place) const;
  // Must be given and a string.
  const MarkedText& needed_text(std::size_t place) const;

 private:
  [[noreturn]] void fail(std::size_t place, std::string_view what) const;

  Machine& machine_;
  std::string_view who_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace stemma::chat::jinja
