#include "text/chat/chat_template.h"

#include <array>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "text/chat/jinja/template.h"
#include "text/unicode/utf8.h"

namespace stemma::chat {
namespace {

// The text of a message, whether it is one or a list of parts.
constexpr std::string_view kContent =
    "{% macro text(m) %}"
    "{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for part in m.content or [] %}{{ part.text }}{% endfor %}{% endif %}"
    "{% endmacro %}";
// ChatML (openai/openai-python, chatml.md).
constexpr std::string_view kChatMl =
    "{% for m in messages %}"
    "{{ '<|im_start|>' + m.role + '\n' + text(m) + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
constexpr std::string_view kPlain =
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ text(m) + '\n\n' }}"
    "{% else %}{{ m.role | capitalize + ': ' + text(m) | trim + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}";

// The ways to call what a model thought before it answered.
constexpr std::array<const char*, 3> kReasoning = {"reasoning_content", "thinking", "reasoning"};

const Json* reasoning_of(const Json& message) {
  for (const char* name : kReasoning)
    if (const Json* found = message.find(name); found && !found->is_null()) return found;
  return nullptr;
}

// A message without what is null, and with its reasoning under the names that templates use.
Json normal_message(const Json& message, std::size_t number) {
  const Json* role = message.is_object() ? message.find("role") : nullptr;
  if (!role || !role->is_string())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[chat] message {} must be an object with a role, such as "
                            "{{\"role\": \"user\", \"content\": \"...\"}}",
                            number));
  Json normal = Json::object();
  const Json* reasoning = reasoning_of(message);
  const Json* thinking = message.find("thinking");
  if (reasoning) normal.set("thinking", thinking && !thinking->is_null() ? *thinking : *reasoning);
  for (const auto& [key, value] : message.as_object())
    if (!value.is_null()) normal.set(key, value);
  if (reasoning) normal.set("reasoning_content", *reasoning);
  return normal;
}

Json normal_messages(const Json& messages) {
  if (!messages.is_array())
    throw Error(ErrorCode::invalid_argument, "[chat] messages must be a list of objects");
  Json normal = Json::array();
  for (const Json& message : messages.as_array())
    normal.push_back(normal_message(message, normal.as_array().size() + 1));
  return normal;
}

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  return local;
}

std::vector<Piece> pieces_of(const jinja::MarkedText& text) {
  std::vector<Piece> pieces;
  std::size_t begin = 0;
  for (const auto& [end, origin] : text.runs()) {
    pieces.push_back(
        {text.bytes().substr(begin, end - begin), origin == jinja::Origin::of_template});
    begin = end;
  }
  return pieces;
}

}  // namespace

struct ChatTemplate::Parsed {
  jinja::Template jinja;
};

ChatTemplate::ChatTemplate(std::string_view jinja)
    : parsed_(std::make_shared<const Parsed>(Parsed{jinja::Template(jinja)})), jinja_(jinja) {}

ChatTemplate ChatTemplate::open(const std::string& name_or_file) {
  if (name_or_file == "chatml") {
    ChatTemplate chat(std::string(kContent) + std::string(kChatMl));
    chat.needed_tokens_ = {"<|im_start|>", "<|im_end|>"};
    return chat;
  }
  if (name_or_file == "plain") {
    ChatTemplate chat(std::string(kContent) + std::string(kPlain));
    chat.stop_texts_ = {"\nUser:"};
    return chat;
  }
  if (!std::filesystem::is_regular_file(name_or_file))
    throw Error(ErrorCode::not_found,
                fmt::format("[chat] '{}' is no chat format and no file: give chatml, plain or a "
                            "file with a Jinja template",
                            name_or_file));
  const std::string text = read_file(name_or_file);
  if (!unicode::is_valid_utf8(text))
    throw Error(ErrorCode::corrupt,
                fmt::format("[chat] {} is not UTF-8: save it as that", name_or_file));
  return ChatTemplate(text);
}

std::vector<Piece> ChatTemplate::render(const Conversation& conversation,
                                        const TokenNames& tokens) const {
  jinja::Variables variables;
  variables.tokens = tokens;
  variables.data = conversation.variables;
  variables.data.set("messages", normal_messages(conversation.messages));
  variables.data.set("tools", conversation.tools);
  variables.data.set("documents", conversation.documents);
  variables.data.set("add_generation_prompt", conversation.add_generation_prompt);
  variables.now = conversation.now ? *conversation.now : local_time();
  std::vector<Piece> pieces = pieces_of(parsed_->jinja.render(variables));
  if (conversation.begun_answer.empty()) return pieces;
  if (!pieces.empty() && pieces.back().from_template)
    pieces.back().text += conversation.begun_answer;
  else
    pieces.push_back({conversation.begun_answer, true});
  return pieces;
}

}  // namespace stemma::chat
