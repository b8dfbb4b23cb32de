#include "text/chat/tool_format.h"

#include <utility>

#include <fmt/format.h>

namespace stemma::chat {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string text_in(const Json& message, std::string_view key) {
  const Json* value = message.find(key);
  return value && value->is_string() ? value->as_string() : std::string();
}

// The words of the Hermes function-calling format (NousResearch/Hermes-Function-Calling).
std::string description_of(const Json& tools) {
  std::string text =
      "You may call functions to help with the user's request. The functions, as JSON schemas, "
      "within <tools></tools>:\n<tools>\n";
  for (const Json& tool : tools.as_array()) text += tool.dump() + "\n";
  return text +
         "</tools>\n\nTo call one, answer with a JSON object of its name and its arguments within "
         "<tool_call></tool_call>:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
         "<arguments-json-object>}\n</tool_call>";
}

std::string calls_as_text(const Json& message) {
  std::string text = text_in(message, "content");
  for (const Json& call : message.at("tool_calls").as_array()) {
    const Json& function = call.at("function");
    const Json written =
        Json::object({{"name", function.at("name")}, {"arguments", function.at("arguments")}});
    text +=
        fmt::format("{}<tool_call>\n{}\n</tool_call>", text.empty() ? "" : "\n", written.dump());
  }
  return text;
}

Json as_text(const Json& message) {
  const std::string role = text_in(message, "role");
  const Json* calls = message.find("tool_calls");
  if (role == "assistant" && calls && !calls->is_null())
    return Json::object({{"role", "assistant"}, {"content", calls_as_text(message)}});
  if (role == "tool")
    return Json::object({{"role", "user"},
                         {"content", fmt::format("<tool_response>\n{}\n</tool_response>",
                                                 text_in(message, "content"))}});
  return message;
}

}  // namespace

ToolFormat tool_format_of(std::string_view text) {
  const bool shows = has(text, "tools");
  if (has(text, "[TOOL_CALLS]")) return {"[TOOL_CALLS]", "", "arguments", true, shows};
  if (!has(text, "<tool_call>") && (has(text, "<|python_tag|>") || has(text, "ipython")))
    return {"", "", "parameters", false, shows};
  return {"<tool_call>", "</tool_call>", "arguments", false, shows};
}

Conversation with_tools(Conversation conversation, const Json& tools, const ToolFormat& format) {
  if (format.in_template) {
    conversation.tools = tools;
    return conversation;
  }
  Json messages = Json::array();
  for (const Json& message : conversation.messages.as_array()) messages.push_back(as_text(message));
  if (!tools.is_null()) {
    Json::Array list = messages.as_array();
    const std::string description = description_of(tools);
    if (!list.empty() && text_in(list.front(), "role") == "system")
      list.front().set("content", text_in(list.front(), "content") + "\n\n" + description);
    else
      list.insert(list.begin(), Json::object({{"role", "system"}, {"content", description}}));
    messages = Json(std::move(list));
  }
  conversation.messages = std::move(messages);
  return conversation;
}

}  // namespace stemma::chat
