#include "serve/api/chat_answer.h"

#include <utility>

#include "serve/api/sampling.h"

namespace stemma::serve {
namespace {

Json call_json(const chat::ToolCall& call) {
  return Json::object(
      {{"id", drawn_id("call_")},
       {"type", "function"},
       {"function", Json::object({{"name", call.name}, {"arguments", call.arguments}})}});
}

}  // namespace

FoundCalls find_calls(const chat::ToolFormat& format, bool begun, const infer::Generation& g) {
  chat::ToolCallReader reader(format, begun);
  std::vector<chat::ToolEvent> events;
  reader.push(g.text, events);
  reader.finish(events);
  FoundCalls found;
  found.cut = reader.cut();
  if ((!reader.complete() && !found.cut) || reader.calls().empty()) {
    found.text = g.text;
    return found;
  }
  for (const chat::ToolEvent& event : events)
    if (event.kind == chat::ToolEvent::Kind::text) found.text += event.text;
  found.calls = reader.calls();
  return found;
}

ChatAnswer::ChatAnswer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host,
                       Metrics& metrics, AnswerOptions options, ChatSettings settings)
    : Answer(std::move(exchange), std::move(host), metrics, options),
      settings_(std::move(settings)),
      name_(drawn_id("chatcmpl-")) {}

Json ChatAnswer::frame(const char* object, Json choices) const {
  return Json::object({{"id", name_},
                       {"object", object},
                       {"created", created()},
                       {"model", host().id()},
                       {"choices", std::move(choices)}});
}

Json ChatAnswer::score_json(const infer::TokenScore& score) const {
  const Tokenizer& tokenizer = host().model().tokenizer();
  Json bytes = Json::array();
  if (tokenizer.has_token(score.id))
    for (const char c : tokenizer.bytes_of(score.id))
      bytes.push_back(static_cast<std::int64_t>(static_cast<unsigned char>(c)));
  return Json::object({{"token", token_text(tokenizer, score.id)},
                       {"logprob", score.log_probability},
                       {"bytes", std::move(bytes)}});
}

Json ChatAnswer::logprobs_json(const Tokens& tokens) const {
  if (!settings_.logprobs) return {};
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

Json ChatAnswer::message_of(const infer::Generation& g, std::string& reason) const {
  reason = finish_word(g.finish);
  FoundCalls found{.text = g.text};
  if (settings_.tools) found = find_calls(*settings_.tools, settings_.call_begun, g);
  Json message = Json::object({{"role", "assistant"}});
  message.set("content", found.calls.empty() || !found.text.empty() ? Json(found.text) : Json());
  message.set("refusal", Json());
  if (found.calls.empty()) return message;
  Json calls = Json::array();
  for (const chat::ToolCall& call : found.calls) calls.push_back(call_json(call));
  message.set("tool_calls", std::move(calls));
  if (reason == "stop" && !found.cut) reason = "tool_calls";
  return message;
}

Json ChatAnswer::whole(std::span<const infer::Generation> choices) {
  Json list = Json::array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const infer::Generation& g = choices[i];
    Tokens tokens;
    for (std::size_t t = 0; settings_.logprobs && t < g.ids.size(); ++t)
      tokens.push_back({{g.ids[t], g.log_probabilities[t]},
                        g.top.empty() ? std::vector<infer::TokenScore>() : g.top[t]});
    std::string reason;
    Json message = message_of(g, reason);
    list.push_back(Json::object({{"index", static_cast<std::int64_t>(i)},
                                 {"message", std::move(message)},
                                 {"logprobs", logprobs_json(tokens)},
                                 {"finish_reason", reason}}));
  }
  Json answer = frame("chat.completion", std::move(list));
  answer.set("usage", usage(choices));
  return answer;
}

Json ChatAnswer::chunk(std::size_t choice, Json delta, Json logprobs, Json reason) const {
  return frame("chat.completion.chunk",
               Json::array({Json::object({{"index", static_cast<std::int64_t>(choice)},
                                          {"delta", std::move(delta)},
                                          {"logprobs", std::move(logprobs)},
                                          {"finish_reason", std::move(reason)}})}));
}

chat::ToolCallReader& ChatAnswer::reader(std::size_t choice) {
  while (readers_.size() <= choice)
    readers_.emplace_back(settings_.tools.value(), settings_.call_begun);
  return readers_[choice];
}

// The name and the id of a call come once, its arguments piece by piece.
Answer::Chunks ChatAnswer::event_chunks(std::size_t choice,
                                        const std::vector<chat::ToolEvent>& events,
                                        const Tokens& tokens) {
  using Kind = chat::ToolEvent::Kind;
  Chunks chunks;
  Json logprobs = tokens.empty() ? Json() : logprobs_json(tokens);
  for (const chat::ToolEvent& event : events) {
    Json delta;
    if (event.kind == Kind::text) {
      delta = Json::object({{"content", event.text}});
    } else if (event.kind != Kind::end) {
      Json call = Json::object({{"index", static_cast<std::int64_t>(event.call)}});
      if (event.kind == Kind::begin) {
        call.set("id", drawn_id("call_"));
        call.set("type", "function");
        call.set("function", Json::object({{"name", event.text}, {"arguments", ""}}));
      } else {
        call.set("function", Json::object({{"arguments", event.text}}));
      }
      delta = Json::object({{"tool_calls", Json::array({std::move(call)})}});
    }
    if (!delta.is_null())
      chunks.push_back(chunk(choice, std::move(delta), std::exchange(logprobs, {}), {}));
  }
  // Tokens of what is held back.
  if (!logprobs.is_null()) chunks.push_back(chunk(choice, Json::object(), std::move(logprobs), {}));
  return chunks;
}

Answer::Chunks ChatAnswer::first_chunks(std::size_t choice) {
  return {chunk(choice, Json::object({{"role", "assistant"}, {"content", ""}}), {}, {})};
}

Answer::Chunks ChatAnswer::text_chunks(std::size_t choice, std::string_view text,
                                       const Tokens& tokens) {
  if (!settings_.tools)
    return {chunk(choice, Json::object({{"content", text}}), logprobs_json(tokens), {})};
  std::vector<chat::ToolEvent> events;
  reader(choice).push(text, events);
  return event_chunks(choice, events, tokens);
}

Answer::Chunks ChatAnswer::last_chunks(std::size_t choice, const infer::Generation& g,
                                       const Tokens& tokens) {
  Chunks chunks;
  std::string reason = finish_word(g.finish);
  if (settings_.tools) {
    std::vector<chat::ToolEvent> events;
    reader(choice).finish(events);
    chunks = event_chunks(choice, events, {});
    if (reason == "stop" && !reader(choice).calls().empty() && reader(choice).complete())
      reason = "tool_calls";
  }
  chunks.push_back(
      chunk(choice, Json::object(), tokens.empty() ? Json() : logprobs_json(tokens), reason));
  return chunks;
}

Json ChatAnswer::usage_chunk(const Json& usage) {
  Json last = frame("chat.completion.chunk", Json::array());
  last.set("usage", usage);
  return last;
}

}  // namespace stemma::serve
