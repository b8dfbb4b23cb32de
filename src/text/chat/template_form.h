// A Jinja template in a form in which different ways to write the same template are equal: what
// white space does not change is gone, `message.role` is `message['role']`, and what is printed
// piece by piece is one piece. It serves to recognise known templates; nothing is ever run.
//
//   template_form("{{ 'a' + m.b }}") == template_form("a{{- m[\"b\"] }}");    // true
//
// White space around blocks is what transformers makes of it (trim_blocks and lstrip_blocks on).
// Pure function: any thread. Time is linear in the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::chat {

enum class FormKind : std::uint8_t {
  text,    // printed as it is
  output,  // an expression whose value is printed; its tokens with spaces between
  block,   // what stands in {% %}, likewise
};

struct FormPart {
  FormKind kind = FormKind::text;
  std::string text;

  bool operator==(const FormPart&) const = default;
};

// Nothing where `jinja` cannot be read: a tag without an end, or what no known template has.
std::optional<std::vector<FormPart>> template_form(std::string_view jinja);

}  // namespace stemma::chat
