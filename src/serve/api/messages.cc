#include "serve/api/messages.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

Json read_call(const Json& value, const std::string& path) {
  Fields call(value, path);
  call.required("id");
  const std::string id = call.string("id").value_or("");
  if (call.string("type").value_or("function") != "function")
    throw ApiError(400, fmt::format("'{}' must be 'function'", call.path_of("type")),
                   call.path_of("type"));
  Fields function(call.required("function"), call.path_of("function"));
  function.required("name");
  const std::string name = function.string("name").value_or("");
  const std::string arguments = function.string("arguments").value_or("{}");
  function.finish();
  call.finish();
  return call_of(id, name, arguments, function.path_of("arguments"));
}

// `calls`: the ids of the calls so far.
Json read_message(const Json& value, const std::string& path, bool has_developer,
                  std::set<std::string>& calls) {
  Fields message(value, path);
  std::string role = message.string("role").value_or("");
  if (role != "system" && role != "developer" && role != "user" && role != "assistant" &&
      role != "tool")
    throw ApiError(400,
                   fmt::format("'{}' must be system, developer, user, assistant or tool",
                               message.path_of("role")),
                   message.path_of("role"));
  // What newer clients call the system.
  if (role == "developer" && !has_developer) role = "system";
  Json item = Json::object({{"role", role}});
  const Json* written = role == "assistant" ? message.take("tool_calls") : nullptr;
  const Json* content = message.take("content");
  if (!content && !written) message.required("content");
  // Templates of models that call functions have an empty text there.
  item.set("content", content ? content_of(*content, message.path_of("content")) : "");
  if (written) {
    const std::string list_path = message.path_of("tool_calls");
    if (!written->is_array())
      throw ApiError(400, fmt::format("'{}' must be a list of calls", list_path), list_path);
    Json list = Json::array();
    for (std::size_t i = 0; i < written->as_array().size(); ++i) {
      Json call = read_call(written->as_array()[i], fmt::format("{}[{}]", list_path, i));
      calls.insert(call.at("id").as_string());
      list.push_back(std::move(call));
    }
    if (!list.as_array().empty()) item.set("tool_calls", std::move(list));
  }
  if (role == "tool") {
    message.required("tool_call_id");
    const std::string id = message.string("tool_call_id").value_or("");
    if (!calls.contains(id))
      throw ApiError(400,
                     fmt::format("'{}' is '{}', and no call before it has this id",
                                 message.path_of("tool_call_id"), id),
                     message.path_of("tool_call_id"));
    item.set("tool_call_id", id);
  }
  for (const char* name : {"name", "reasoning_content"})
    if (const auto text = message.string(name)) item.set(name, *text);
  message.unsupported("refusal");
  message.unsupported("audio");
  message.unsupported("annotations", Json::array());
  message.finish();
  return item;
}

}  // namespace

std::string content_of(const Json& value, const std::string& path, const char* type) {
  if (value.is_string()) return value.as_string();
  std::string text;
  if (!value.is_array())
    throw ApiError(400, fmt::format("'{}' must be a text or a list of parts", path), path);
  for (std::size_t i = 0; i < value.as_array().size(); ++i) {
    Fields part(value.as_array()[i], fmt::format("{}[{}]", path, i));
    const std::string kind = part.string("type").value_or("");
    if (kind != type && kind != "text")
      throw ApiError(400,
                     fmt::format("'{}' must be '{}': the model reads no other parts",
                                 part.path_of("type"), type),
                     part.path_of("type"));
    text += part.required("text").as_string();
    part.unsupported("annotations", Json::array());
    part.unsupported("logprobs", Json::array());
    part.finish();
  }
  return text;
}

Json call_of(const std::string& id, const std::string& name, const std::string& arguments,
             const std::string& path) {
  Json parsed;
  try {
    parsed = Json::parse(arguments.empty() ? "{}" : arguments, path);
  } catch (const Error& error) {
    throw ApiError(400, error.what(), path);
  }
  if (!parsed.is_object())
    throw ApiError(400, fmt::format("'{}' must be a JSON object as text", path), path);
  return Json::object(
      {{"id", id},
       {"type", "function"},
       {"function", Json::object({{"name", name}, {"arguments", std::move(parsed)}})}});
}

bool knows_developer(std::string_view chat_template) {
  return chat_template.find("developer") != std::string_view::npos;
}

Json read_messages(Fields& fields, bool has_developer) {
  const Json& list = fields.required("messages");
  if (!list.is_array() || list.as_array().empty())
    throw ApiError(400, "'messages' must be a list of at least one message", "messages");
  Json messages = Json::array();
  std::set<std::string> calls;
  for (std::size_t i = 0; i < list.as_array().size(); ++i)
    messages.push_back(
        read_message(list.as_array()[i], fmt::format("messages[{}]", i), has_developer, calls));
  return messages;
}

}  // namespace stemma::serve
