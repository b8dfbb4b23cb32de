#include "serve/api/tools.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

constexpr std::size_t kMostTools = 128, kMostName = 64;

void check_name(const std::string& name, const std::string& path) {
  const bool plain = std::ranges::all_of(name, [](unsigned char c) {
    return (c | 32) >= 'a' && (c | 32) <= 'z' ? true
           : c >= '0' && c <= '9'             ? true
                                              : c == '_' || c == '-' || c == '.';
  });
  if (name.empty() || name.size() > kMostName || !plain)
    throw ApiError(
        400, fmt::format("'{}' must have 1 to {} letters, digits, _, - or .", path, kMostName),
        path);
}

// name, description, parameters, strict.
Json read_function(Fields& fields) {
  fields.required("name");
  const std::string name = fields.string("name").value_or("");
  check_name(name, fields.path_of("name"));
  Json function = Json::object({{"name", name}});
  if (const auto text = fields.string("description")) function.set("description", *text);
  const Json* parameters = fields.take("parameters");
  if (parameters && !parameters->is_object())
    throw ApiError(400, fmt::format("'{}' must be a JSON schema", fields.path_of("parameters")),
                   fields.path_of("parameters"));
  function.set("parameters",
               parameters ? *parameters
                          : Json::object({{"type", "object"}, {"properties", Json::object()}}));
  fields.boolean("strict");
  fields.finish();
  return function;
}

Json read_tool(const Json& value, const std::string& path, ToolForm form) {
  Fields tool(value, path);
  const std::string type = tool.string("type").value_or("");
  if (type != "function")
    throw ApiError(400, fmt::format("'{}' must be 'function'", tool.path_of("type")),
                   tool.path_of("type"));
  Json function;
  if (form == ToolForm::flat) {
    function = read_function(tool);
  } else {
    Fields inner(tool.required("function"), tool.path_of("function"));
    function = read_function(inner);
    tool.finish();
  }
  return Json::object({{"type", "function"}, {"function", std::move(function)}});
}

const std::string& name_of(const Json& tool) { return tool.at("function").at("name").as_string(); }

// none, auto, required, or a function by name.
void read_choice(const Json& choice, ToolForm form, ToolUse& use) {
  const char* const path = "tool_choice";
  if (choice.is_string()) {
    const std::string& word = choice.as_string();
    if (word == "none")
      use.choice = ToolUse::Choice::none;
    else if (word == "required")
      use.choice = ToolUse::Choice::required;
    else if (word != "auto")
      throw ApiError(400, "'tool_choice' must be none, auto, required or a function", path);
  } else {
    Fields fields(choice, path);
    if (fields.string("type").value_or("") != "function")
      throw ApiError(400, "'tool_choice.type' must be 'function'", "tool_choice.type");
    if (form == ToolForm::flat) {
      fields.required("name");
      use.named = fields.string("name").value_or("");
    } else {
      Fields function(fields.required("function"), fields.path_of("function"));
      function.required("name");
      use.named = function.string("name").value_or("");
      function.finish();
    }
    fields.finish();
    use.choice = ToolUse::Choice::required;
  }
  if (use.choice == ToolUse::Choice::required && use.tools.is_null())
    throw ApiError(400, "'tool_choice' asks for a call, and 'tools' has no function", path);
  if (use.named.empty()) return;
  if (std::ranges::none_of(use.tools.as_array(),
                           [&](const Json& tool) { return name_of(tool) == use.named; }))
    throw ApiError(
        400, fmt::format("'tool_choice' names '{}', which is none of 'tools'", use.named), path);
}

// An object with the name and the arguments of one of the functions that may be called.
Json schema_of_call(const ToolUse& use, const std::string& arguments) {
  Json choices = Json::array();
  for (const Json& tool : use.tools.as_array()) {
    if (!use.named.empty() && name_of(tool) != use.named) continue;
    choices.push_back(Json::object(
        {{"type", "object"},
         {"properties", Json::object({{"name", Json::object({{"const", name_of(tool)}})},
                                      {arguments, tool.at("function").at("parameters")}})},
         {"required", Json::array({"name", Json(arguments)})},
         {"additionalProperties", false}}));
  }
  return Json::object({{"anyOf", std::move(choices)}});
}

// The arguments of the calls in messages as the texts that clients send.
chat::Conversation with_arguments_as_text(chat::Conversation conversation) {
  Json messages = Json::array();
  for (Json message : conversation.messages.as_array()) {
    if (const Json* calls = message.find("tool_calls"); calls && calls->is_array()) {
      Json list = Json::array();
      for (Json call : calls->as_array()) {
        Json function = call.at("function");
        function.set("arguments", function.at("arguments").dump());
        call.set("function", std::move(function));
        list.push_back(std::move(call));
      }
      message.set("tool_calls", std::move(list));
    }
    messages.push_back(std::move(message));
  }
  conversation.messages = std::move(messages);
  return conversation;
}

bool has_calls(const chat::Conversation& conversation) {
  return std::ranges::any_of(conversation.messages.as_array(),
                             [](const Json& m) { return m.find("tool_calls") != nullptr; });
}

}  // namespace

ToolUse read_tools(Fields& fields, ToolForm form) {
  ToolUse use;
  const Json* tools = fields.take("tools");
  const Json* choice = fields.take("tool_choice");
  use.parallel = fields.boolean("parallel_tool_calls").value_or(true);
  if (tools) {
    if (!tools->is_array() || tools->as_array().size() > kMostTools)
      throw ApiError(400, fmt::format("'tools' must be a list of at most {} tools", kMostTools),
                     "tools");
    Json list = Json::array();
    for (std::size_t i = 0; i < tools->as_array().size(); ++i)
      list.push_back(read_tool(tools->as_array()[i], fmt::format("tools[{}]", i), form));
    if (!list.as_array().empty()) use.tools = std::move(list);
  }
  if (choice) read_choice(*choice, form, use);
  return use;
}

ToolPrompt prompt_with_tools(ModelHost& host, chat::Conversation conversation, const ToolUse& use) {
  ToolPrompt result;
  result.format = chat::tool_format_of(host.chat().jinja());
  conversation =
      chat::with_tools(std::move(conversation), use.shown() ? use.tools : Json(), result.format);
  if (use.forced()) {
    const chat::ToolFormat& format = result.format;
    conversation.begun_answer = format.begin + (format.listed          ? "["
                                                : format.begin.empty() ? ""
                                                                       : "\n");
    const Json schema = schema_of_call(use, format.arguments);
    try {
      result.constraint =
          host.masks("schema " + schema.dump(), [&] { return grammar::schema_grammar(schema); });
    } catch (const Error& error) {
      throw ApiError(400, fmt::format("the parameters of a tool: {}", error.what()), "tools",
                     "invalid_schema");
    }
  }
  // Most templates write arguments as JSON themselves, some join them as texts.
  try {
    result.prompt = infer::chat_prompt(host.model(), conversation, host.chat());
  } catch (const Error&) {
    if (!has_calls(conversation)) throw;
    result.prompt = infer::chat_prompt(
        host.model(), with_arguments_as_text(std::move(conversation)), host.chat());
  }
  return result;
}

}  // namespace stemma::serve
