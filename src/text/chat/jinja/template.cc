#include "text/chat/jinja/template.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/chat/jinja/machine.h"
#include "text/chat/jinja/parser.h"

namespace stemma::chat::jinja {
namespace {

constexpr std::size_t kMostTemplateBytes = std::size_t{4} << 20;

std::string_view checked(std::string_view source) {
  if (source.size() > kMostTemplateBytes)
    throw Error(ErrorCode::unsupported,
                fmt::format("[chat] the chat template has {} bytes; the most is {}", source.size(),
                            kMostTemplateBytes));
  return source;
}

}  // namespace

Template::Template(std::string_view source) : block_(parse(checked(source))) {}

MarkedText Template::render(const Variables& variables) const {
  Machine machine(variables.now);
  for (const auto& [name, token] : variables.tokens)
    machine.define(name, Value(token, Origin::of_template));
  for (const auto& [name, value] : variables.data.as_object())
    machine.define(name, Value::of_json(value, name == "messages"));
  return machine.run(block_);
}

}  // namespace stemma::chat::jinja
