#include "serve/api/response_input.h"

#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "serve/api/api_error.h"
#include "serve/api/messages.h"

namespace stemma::serve {
namespace {

Json message_json(const std::string& role, std::string content) {
  return Json::object({{"role", role}, {"content", std::move(content)}});
}

class InputReader {
 public:
  explicit InputReader(bool has_developer) : has_developer_(has_developer) {}

  void add_text(const std::string& role, std::string text) {
    messages_.push_back(message_json(role, std::move(text)));
  }

  void add_item(const Json& value, const std::string& path) {
    Fields item(value, path);
    const std::string type = item.string("type").value_or("message");
    item.string("id");
    item.string("status");
    if (type == "message")
      add_message(item);
    else if (type == "function_call")
      add_call(item);
    else if (type == "function_call_output")
      add_result(item);
    else
      throw ApiError(400,
                     fmt::format("'{}' must be message, function_call or function_call_output",
                                 item.path_of("type")),
                     item.path_of("type"));
    item.finish();
  }

  Json take() { return Json(std::move(messages_)); }

 private:
  void add_message(Fields& item) {
    item.required("role");
    std::string role = item.string("role").value_or("");
    if (role != "system" && role != "developer" && role != "user" && role != "assistant")
      throw ApiError(
          400,
          fmt::format("'{}' must be system, developer, user or assistant", item.path_of("role")),
          item.path_of("role"));
    if (role == "developer" && !has_developer_) role = "system";
    item.string("phase");
    add_text(role, content_of(item.required("content"), item.path_of("content"),
                              role == "assistant" ? "output_text" : "input_text"));
  }

  // Calls that follow each other are of one message.
  void add_call(Fields& item) {
    for (const char* name : {"call_id", "name", "arguments"}) item.required(name);
    const std::string id = item.string("call_id").value_or("");
    Json call = call_of(id, item.string("name").value_or(""),
                        item.string("arguments").value_or("{}"), item.path_of("arguments"));
    calls_.insert(id);
    if (messages_.empty() || messages_.back().at("role").as_string() != "assistant")
      add_text("assistant", "");
    Json& message = messages_.back();
    const Json* before = message.find("tool_calls");
    Json list = before ? *before : Json::array();
    list.push_back(std::move(call));
    message.set("tool_calls", std::move(list));
  }

  void add_result(Fields& item) {
    item.required("call_id");
    const std::string id = item.string("call_id").value_or("");
    if (!calls_.contains(id))
      throw ApiError(400,
                     fmt::format("'{}' is '{}', and no call before it has this id",
                                 item.path_of("call_id"), id),
                     item.path_of("call_id"));
    add_text("tool", content_of(item.required("output"), item.path_of("output"), "input_text"));
    messages_.back().set("tool_call_id", id);
  }

  bool has_developer_;
  Json::Array messages_;
  std::set<std::string> calls_;  // their ids so far
};

}  // namespace

Json read_response_input(Fields& fields, bool has_developer) {
  InputReader reader(has_developer);
  if (auto text = fields.string("instructions"))
    reader.add_text(has_developer ? "developer" : "system", *std::move(text));
  const Json& input = fields.required("input");
  if (input.is_string()) {
    reader.add_text("user", input.as_string());
    return reader.take();
  }
  if (!input.is_array() || input.as_array().empty())
    throw ApiError(400, "'input' must be a text or a list of items", "input");
  for (std::size_t i = 0; i < input.as_array().size(); ++i)
    reader.add_item(input.as_array()[i], fmt::format("input[{}]", i));
  return reader.take();
}

}  // namespace stemma::serve
