#include "serve/api/responses.h"

#include <utility>

#include "serve/api/api_error.h"
#include "serve/api/chat_request.h"
#include "serve/api/messages.h"
#include "serve/api/response_answer.h"
#include "serve/api/response_input.h"
#include "serve/api/sampling.h"

namespace stemma::serve {
namespace {

Constraint read_text(Fields& fields, ModelHost& host, Json& echoed) {
  echoed.set("text", Json::object({{"format", Json::object({{"type", "text"}})}}));
  const Json* text = fields.take("text");
  if (!text) return nullptr;
  Fields inner(*text, "text");
  const Json* format = inner.take("format");
  inner.unsupported("verbosity", "medium");
  inner.finish();
  if (!format) return nullptr;
  echoed.set("text", *text);
  return read_format(*format, "text.format", FormatForm::flat, host);
}

// What belongs to a server that keeps conversations, or to other models.
void refuse_the_rest(Fields& fields) {
  if (fields.take("previous_response_id") || fields.take("conversation"))
    throw ApiError(400,
                   "the server keeps no responses: send the whole conversation in 'input' instead "
                   "of 'previous_response_id' or 'conversation'",
                   "previous_response_id");
  fields.unsupported("store", false);
  fields.unsupported("background", false);
  fields.unsupported("truncation", "disabled");
  fields.unsupported("include", Json::array());
  fields.unsupported("reasoning");
  fields.unsupported("service_tier", "auto");
  fields.unsupported("max_tool_calls");
  fields.unsupported("top_logprobs", 0);
  fields.unsupported("prompt");
  for (const char* name : {"user", "safety_identifier", "prompt_cache_key"}) fields.string(name);
}

AnswerOptions read_response_stream(Fields& fields) {
  AnswerOptions options;
  options.stream = fields.boolean("stream").value_or(false);
  if (const Json* more = fields.take("stream_options")) {
    Fields inner(*more, "stream_options");
    inner.boolean("include_obfuscation");  // nothing is hidden here
    inner.finish();
  }
  return options;
}

Json flat_tools(const Json& tools) {
  Json list = Json::array();
  if (tools.is_null()) return list;
  for (const Json& tool : tools.as_array()) {
    Json flat = Json::object({{"type", "function"}, {"strict", false}});
    for (const auto& [key, value] : tool.at("function").as_object()) flat.set(key, value);
    list.push_back(std::move(flat));
  }
  return list;
}

}  // namespace

void answer_response(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                     Metrics& metrics, Fields& fields) {
  ResponseSettings settings;
  Json& echoed = settings.echoed;
  chat::Conversation conversation;
  const Json* instructions = fields.take("instructions");
  conversation.messages = read_response_input(fields, knows_developer(host->chat().jinja()));
  infer::GenerateOptions options = read_sampling(fields, *host);
  const auto most = fields.integer("max_output_tokens", 1, INT32_MAX);
  const AnswerOptions answer = read_response_stream(fields);
  const Json* choice = fields.take("tool_choice");
  const ToolUse tools = read_tools(fields, ToolForm::flat);
  Constraint constraint = read_text(fields, *host, echoed);
  const Json* metadata = fields.take("metadata");
  refuse_the_rest(fields);
  fields.finish();
  echoed.set("instructions", instructions ? *instructions : Json());
  echoed.set("metadata", metadata ? *metadata : Json::object());
  echoed.set("temperature", options.sampling.temperature);
  echoed.set("top_p", options.sampling.top_p);
  echoed.set("max_output_tokens", most ? Json(*most) : Json());
  echoed.set("parallel_tool_calls", tools.parallel);
  echoed.set("tool_choice", choice ? *choice : Json("auto"));
  echoed.set("tools", flat_tools(tools.tools));
  echoed.set("previous_response_id", Json());
  echoed.set("truncation", "disabled");
  echoed.set("store", false);
  ChatRequest chat = chat_request(*host, std::move(conversation), tools, std::move(options),
                                  std::move(constraint), most);
  settings.tools = std::move(chat.tools);
  settings.call_begun = tools.forced();
  std::vector<infer::Request> requests;
  requests.push_back(std::move(chat.request));
  std::make_shared<ResponseAnswer>(exchange, std::move(host), metrics, answer, std::move(settings))
      ->start(std::move(requests));
}

}  // namespace stemma::serve
