// A chat template in Jinja, the language of the chat templates of Hugging Face's models: parsed
// once, rendered for each conversation.
//
//   const Template chat("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}");
//   const MarkedText text = chat.render({{"messages", Json::array(...)}}, {});
//
// The part of Jinja2 that public templates use is there (docs/tokenizers.md has the list), as
// transformers sets Jinja2 up: sandboxed, trim_blocks, lstrip_blocks, tojson, strftime_now,
// raise_exception, break, continue, {% generation %}. Everything that prints is byte for byte what
// Jinja2 prints; everything else is an error with the line of the template.
//
// A template may come from anywhere. It reaches nothing but the values that it is given, and time,
// memory, text and depth are bounded (budget.h).
//
// What of the result was given as data is marked so. Not data are the template's own words, special
// tokens (`tokens`: bos_token), and the roles of messages that every template knows, such as
// "user": templates write "<|" + role + "|>" for a control token, and which of these roles a
// message has is the caller's choice in any case.
//
// Immutable; any thread.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/chat/jinja/marked_text.h"
#include "text/chat/jinja/syntax.h"

namespace stemma::chat::jinja {

struct Variables {
  Json data = Json::object();                               // messages, tools, enable_thinking
  std::vector<std::pair<std::string, std::string>> tokens;  // bos_token and the like
  std::tm now = {};                                         // for strftime_now()
};

class Template {
 public:
  // Throws unsupported for what is no template, or has what is not supported.
  explicit Template(std::string_view source);

  // Throws unsupported where Jinja2 would fail and above the limits, invalid_argument where the
  // template refuses the conversation.
  MarkedText render(const Variables& variables) const;

 private:
  Block block_;
};

}  // namespace stemma::chat::jinja
