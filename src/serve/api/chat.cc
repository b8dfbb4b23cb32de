#include "serve/api/chat.h"

#include <utility>

#include <fmt/format.h>

#include "infer/chat_prompt.h"
#include "serve/api/answer.h"
#include "serve/api/api_error.h"
#include "serve/api/common_fields.h"
#include "serve/api/sampling.h"

namespace stemma::serve {
namespace {

constexpr std::int64_t kMostTopLogprobs = 20;

// A text, or a list of parts that are texts.
std::string content_of(const Json& value, const std::string& path) {
  if (value.is_string()) return value.as_string();
  std::string text;
  if (!value.is_array())
    throw ApiError(400, fmt::format("'{}' must be a text or a list of parts", path), path);
  for (std::size_t i = 0; i < value.as_array().size(); ++i) {
    Fields part(value.as_array()[i], fmt::format("{}[{}]", path, i));
    const std::string type = part.string("type").value_or("");
    if (type != "text")
      throw ApiError(
          400,
          fmt::format("'{}' must be 'text': the model reads no other parts", part.path_of("type")),
          part.path_of("type"));
    text += part.required("text").as_string();
    part.finish();
  }
  return text;
}

// The messages as the template gets them: contents are texts.
Json read_messages(Fields& fields, bool knows_developer) {
  const Json& list = fields.required("messages");
  if (!list.is_array() || list.as_array().empty())
    throw ApiError(400, "'messages' must be a list of at least one message", "messages");
  Json messages = Json::array();
  for (std::size_t i = 0; i < list.as_array().size(); ++i) {
    Fields message(list.as_array()[i], fmt::format("messages[{}]", i));
    std::string role = message.string("role").value_or("");
    if (role != "system" && role != "developer" && role != "user" && role != "assistant" &&
        role != "tool")
      throw ApiError(400,
                     fmt::format("'{}' must be system, developer, user, assistant or tool",
                                 message.path_of("role")),
                     message.path_of("role"));
    // What newer clients call the system.
    if (role == "developer" && !knows_developer) role = "system";
    Json item = Json::object({{"role", role}});
    const Json* calls = message.take("tool_calls");
    const Json* content = message.take("content");
    if (!content && (!calls || role != "assistant")) message.required("content");
    if (content) item.set("content", content_of(*content, message.path_of("content")));
    if (calls) item.set("tool_calls", *calls);
    for (const char* name : {"name", "tool_call_id", "reasoning_content"})
      if (const auto text = message.string(name)) item.set(name, *text);
    message.unsupported("refusal");
    message.finish();
    messages.push_back(std::move(item));
  }
  return messages;
}

// {"type": "text" | "json_object" | "json_schema", "json_schema": {"name", "strict", "schema"}};
// null: any text.
std::shared_ptr<const grammar::MaskCache> read_response_format(const Json& format,
                                                               ModelHost& host) {
  Fields fields(format, "response_format");
  const std::string type = fields.string("type").value_or("");
  const Json* described = fields.take("json_schema");
  fields.finish();
  if (type == "text") return nullptr;
  if (type == "json_object") return host.masks("json", grammar::json_grammar);
  if (type != "json_schema")
    throw ApiError(400, "'response_format.type' must be text, json_object or json_schema",
                   "response_format.type");
  if (!described) fields.required("json_schema");
  Fields schema(*described, "response_format.json_schema");
  schema.string("name");
  schema.string("description");
  schema.boolean("strict");
  const Json& wanted = schema.required("schema");
  schema.finish();
  try {
    return host.masks("schema " + wanted.dump(), [&] { return grammar::schema_grammar(wanted); });
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "response_format.json_schema.schema", "invalid_schema");
  }
}

class ChatAnswer final : public Answer {
 public:
  ChatAnswer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host, Metrics& metrics,
             AnswerOptions options, bool logprobs)
      : Answer(std::move(exchange), std::move(host), metrics, options),
        logprobs_(logprobs),
        name_(drawn_id("chatcmpl-")) {}

 private:
  Json frame(const char* object, Json choices) const {
    return Json::object({{"id", name_},
                         {"object", object},
                         {"created", created()},
                         {"model", host().id()},
                         {"choices", std::move(choices)}});
  }

  Json score_json(const infer::TokenScore& score) const {
    const Tokenizer& tokenizer = host().model().tokenizer();
    Json bytes = Json::array();
    if (tokenizer.has_token(score.id))
      for (const char c : tokenizer.bytes_of(score.id))
        bytes.push_back(static_cast<std::int64_t>(static_cast<unsigned char>(c)));
    return Json::object({{"token", token_text(tokenizer, score.id)},
                         {"logprob", score.log_probability},
                         {"bytes", std::move(bytes)}});
  }

  Json logprobs_json(const Tokens& tokens) const {
    if (!logprobs_) return {};
    Json content = Json::array();
    for (const infer::ScoredToken& token : tokens) {
      Json item = score_json(token);
      Json top = Json::array();
      for (const infer::TokenScore& other : token.top) top.push_back(score_json(other));
      item.set("top_logprobs", std::move(top));
      content.push_back(std::move(item));
    }
    return Json::object({{"content", std::move(content)}, {"refusal", Json()}});
  }

  Json whole(std::span<const infer::Generation> choices) override {
    Json list = Json::array();
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const infer::Generation& g = choices[i];
      Tokens tokens;
      for (std::size_t t = 0; logprobs_ && t < g.ids.size(); ++t)
        tokens.push_back({{g.ids[t], g.log_probabilities[t]},
                          g.top.empty() ? std::vector<infer::TokenScore>() : g.top[t]});
      list.push_back(Json::object(
          {{"index", static_cast<std::int64_t>(i)},
           {"message",
            Json::object({{"role", "assistant"}, {"content", g.text}, {"refusal", Json()}})},
           {"logprobs", logprobs_json(tokens)},
           {"finish_reason", finish_word(g.finish)}}));
    }
    Json answer = frame("chat.completion", std::move(list));
    answer.set("usage", usage(choices));
    return answer;
  }

  Json chunk(std::size_t choice, Json delta, Json logprobs, Json reason) const {
    return frame("chat.completion.chunk",
                 Json::array({Json::object({{"index", static_cast<std::int64_t>(choice)},
                                            {"delta", std::move(delta)},
                                            {"logprobs", std::move(logprobs)},
                                            {"finish_reason", std::move(reason)}})}));
  }
  Json first_chunk(std::size_t choice) override {
    return chunk(choice, Json::object({{"role", "assistant"}, {"content", ""}}), {}, {});
  }
  Json text_chunk(std::size_t choice, std::string_view text, const Tokens& tokens) override {
    return chunk(choice, Json::object({{"content", text}}), logprobs_json(tokens), {});
  }
  Json last_chunk(std::size_t choice, const infer::Generation& g, const Tokens& tokens) override {
    return chunk(choice, Json::object(), tokens.empty() ? Json() : logprobs_json(tokens),
                 finish_word(g.finish));
  }
  Json usage_chunk(const Json& usage) override {
    Json last = frame("chat.completion.chunk", Json::array());
    last.set("usage", usage);
    return last;
  }

  bool logprobs_;
  std::string name_;
};

}  // namespace

void answer_chat(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                 Metrics& metrics, Fields& fields) {
  chat::Conversation conversation;
  conversation.messages = read_messages(fields, host->model().tokenizer().chat_template().find(
                                                    "developer") != std::string_view::npos);
  if (const Json* more = fields.take("chat_template_kwargs")) {
    if (!more->is_object())
      throw ApiError(400, "'chat_template_kwargs' must be a JSON object", "chat_template_kwargs");
    for (const char* name : {"messages", "tools", "documents", "add_generation_prompt"})
      if (more->find(name))
        throw ApiError(400,
                       fmt::format("'chat_template_kwargs' must not hold '{}', which is a field of "
                                   "the request",
                                   name),
                       "chat_template_kwargs");
    conversation.variables = *more;
  }
  conversation.add_generation_prompt = fields.boolean("add_generation_prompt").value_or(true);
  infer::GenerateOptions options = read_sampling(fields, *host);
  const auto old = fields.integer("max_tokens", 0, INT32_MAX);
  const auto most = fields.integer("max_completion_tokens", 0, INT32_MAX);
  const std::int64_t n = read_choices(fields);
  const bool logprobs = fields.boolean("logprobs").value_or(false);
  options.top_tokens = fields.integer("top_logprobs", 0, kMostTopLogprobs).value_or(0);
  if (options.top_tokens > 0 && !logprobs)
    throw ApiError(400, "'top_logprobs' needs 'logprobs': true", "top_logprobs");
  options.log_probabilities = logprobs;
  const AnswerOptions answer = read_stream(fields);
  fields.string("user");
  fields.unsupported("tools", Json::array());
  fields.unsupported("tool_choice", "none");
  fields.unsupported("parallel_tool_calls");
  const Json* format = fields.take("response_format");
  fields.unsupported("store", false);
  fields.unsupported("metadata");
  fields.unsupported("modalities", Json::array({"text"}));
  fields.unsupported("service_tier", "auto");
  fields.unsupported("reasoning_effort");
  fields.finish();
  const infer::ChatPrompt prompt = infer::chat_prompt(host->model(), conversation);
  prompt.set_ends(options);
  if (format) options.constraint = read_response_format(*format, *host);
  options.max_tokens = most  ? *most
                       : old ? *old
                             : host->most_tokens();  // to the end of the context
  std::vector<infer::Request> requests;
  for (std::int64_t i = 0; i < n; ++i) {
    requests.push_back({prompt.ids, options, {}});
    requests.back().options.sampling.seed += static_cast<std::uint64_t>(i);
  }
  std::make_shared<ChatAnswer>(exchange, std::move(host), metrics, answer, logprobs)
      ->start(std::move(requests));
}

}  // namespace stemma::serve
