// A template's text as a tree, by Jinja2's grammar (3.1) with the tags that transformers adds:
// break, continue and generation.
//
//   const Block block = parse("{% for m in messages %}{{ m.content }}{% endfor %}");
//
// Throws unsupported with the line: text that is no template, tags that are not supported
// ({% include %}, {% call %}), expressions nested too deep. Pure function; time linear in the text.
#pragma once

#include <string_view>

#include "text/chat/jinja/syntax.h"

namespace stemma::chat::jinja {

Block parse(std::string_view source);

}  // namespace stemma::chat::jinja
