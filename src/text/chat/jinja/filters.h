// The filters of templates, by name. Private to Machine::filter().
//
//   text_filters()[0].filter(machine, value, arguments);
#pragma once

#include <span>
#include <string_view>

#include "text/chat/jinja/machine.h"

namespace stemma::chat::jinja {

using Filter = Value (*)(Machine&, const Value&, const Arguments&);
struct NamedFilter {
  std::string_view name;
  Filter filter;
};
std::span<const NamedFilter> text_filters();
std::span<const NamedFilter> list_filters();

}  // namespace stemma::chat::jinja
