#include "serve/api/chat.h"

#include <utility>

#include <fmt/format.h>

#include "serve/api/api_error.h"
#include "serve/api/chat_answer.h"
#include "serve/api/chat_request.h"
#include "serve/api/common_fields.h"
#include "serve/api/messages.h"
#include "serve/api/sampling.h"

namespace stemma::serve {
namespace {

constexpr std::int64_t kMostTopLogprobs = 20;

// Variables of the template that are none of the request's own fields.
Json read_variables(const Json& more) {
  if (!more.is_object())
    throw ApiError(400, "'chat_template_kwargs' must be a JSON object", "chat_template_kwargs");
  for (const char* name : {"messages", "tools", "documents", "add_generation_prompt"})
    if (more.find(name))
      throw ApiError(400,
                     fmt::format("'chat_template_kwargs' must not hold '{}', which is a field of "
                                 "the request",
                                 name),
                     "chat_template_kwargs");
  return more;
}

}  // namespace

void answer_chat(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                 Metrics& metrics, Fields& fields) {
  chat::Conversation conversation;
  conversation.messages = read_messages(fields, knows_developer(host->chat().jinja()));
  if (const Json* more = fields.take("chat_template_kwargs"))
    conversation.variables = read_variables(*more);
  conversation.add_generation_prompt = fields.boolean("add_generation_prompt").value_or(true);
  infer::GenerateOptions options = read_sampling(fields, *host);
  const auto old = fields.integer("max_tokens", 0, INT32_MAX);
  const auto most = fields.integer("max_completion_tokens", 0, INT32_MAX);
  const std::int64_t n = read_choices(fields);
  ChatSettings settings;
  settings.logprobs = fields.boolean("logprobs").value_or(false);
  options.top_tokens = fields.integer("top_logprobs", 0, kMostTopLogprobs).value_or(0);
  if (options.top_tokens > 0 && !settings.logprobs)
    throw ApiError(400, "'top_logprobs' needs 'logprobs': true", "top_logprobs");
  options.log_probabilities = settings.logprobs;
  const AnswerOptions answer = read_stream(fields);
  const ToolUse tools = read_tools(fields, ToolForm::nested);
  Constraint constraint = read_constraint(fields, *host);
  fields.string("user");
  fields.unsupported("store", false);
  fields.unsupported("metadata");
  fields.unsupported("modalities", Json::array({"text"}));
  fields.unsupported("service_tier", "auto");
  fields.unsupported("reasoning_effort");
  fields.finish();
  ChatRequest chat = chat_request(*host, std::move(conversation), tools, std::move(options),
                                  std::move(constraint), most ? most : old);
  settings.tools = std::move(chat.tools);
  settings.call_begun = tools.forced();
  std::vector<infer::Request> requests;
  for (std::int64_t i = 0; i < n; ++i) {
    requests.push_back(chat.request);
    requests.back().options.sampling.seed += static_cast<std::uint64_t>(i);
  }
  std::make_shared<ChatAnswer>(exchange, std::move(host), metrics, answer, std::move(settings))
      ->start(std::move(requests));
}

}  // namespace stemma::serve
