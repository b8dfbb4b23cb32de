#include "serve/api/response_answer.h"

#include <utility>

#include "serve/api/api_error.h"
#include "serve/api/chat_answer.h"
#include "serve/api/sampling.h"

namespace stemma::serve {
namespace {

Json text_part(const std::string& text) {
  return Json::object({{"type", "output_text"},
                       {"text", text},
                       {"annotations", Json::array()},
                       {"logprobs", Json::array()}});
}

}  // namespace

ResponseAnswer::ResponseAnswer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host,
                               Metrics& metrics, AnswerOptions options, ResponseSettings settings)
    : Answer(std::move(exchange), std::move(host), metrics, options),
      settings_(std::move(settings)),
      name_(drawn_id("resp_")) {
  if (settings_.tools) reader_.emplace(*settings_.tools, settings_.call_begun);
}

// why: what is missing where the answer is incomplete.
Json ResponseAnswer::response(const char* status, Json output, Json usage,
                              const std::string& why) const {
  Json r =
      Json::object({{"id", name_},
                    {"object", "response"},
                    {"created_at", created()},
                    {"status", status},
                    {"error", Json()},
                    {"incomplete_details", why.empty() ? Json() : Json::object({{"reason", why}})},
                    {"model", host().id()},
                    {"output", std::move(output)},
                    {"usage", std::move(usage)}});
  for (const auto& [key, value] : settings_.echoed.as_object()) r.set(key, value);
  return r;
}

Json ResponseAnswer::last_response(const infer::Generation& g, Json output) const {
  const Json counts = usage({&g, 1});
  Json used = Json::object({{"input_tokens", counts.at("prompt_tokens")},
                            {"input_tokens_details", counts.at("prompt_tokens_details")},
                            {"output_tokens", counts.at("completion_tokens")},
                            {"output_tokens_details", Json::object({{"reasoning_tokens", 0}})},
                            {"total_tokens", counts.at("total_tokens")}});
  const bool cut = finish_word(g.finish) == "length";
  return response(cut ? "incomplete" : "completed", std::move(output), std::move(used),
                  cut ? "max_output_tokens" : "");
}

Json ResponseAnswer::item_json(const Item& item, const char* status) {
  if (item.is_call)
    return Json::object({{"type", "function_call"},
                         {"id", item.id},
                         {"call_id", item.call_id},
                         {"name", item.name},
                         {"arguments", item.text},
                         {"status", status}});
  Json content = Json::array();
  if (!item.text.empty()) content.push_back(text_part(item.text));
  return Json::object({{"type", "message"},
                       {"id", item.id},
                       {"role", "assistant"},
                       {"status", status},
                       {"content", std::move(content)}});
}

Json ResponseAnswer::whole(std::span<const infer::Generation> choices) {
  const infer::Generation& g = choices[0];
  FoundCalls found{.text = g.text};
  if (settings_.tools) found = find_calls(*settings_.tools, settings_.call_begun, g);
  const char* const status = finish_word(g.finish) == "length" ? "incomplete" : "completed";
  Json output = Json::array();
  if (found.calls.empty() || !found.text.empty())
    output.push_back(item_json({false, drawn_id("msg_"), {}, {}, found.text},
                               found.calls.empty() ? status : "completed"));
  for (std::size_t i = 0; i < found.calls.size(); ++i) {
    const chat::ToolCall& call = found.calls[i];
    output.push_back(
        item_json({true, drawn_id("fc_"), drawn_id("call_"), call.name, call.arguments},
                  i + 1 == found.calls.size() ? status : "completed"));
  }
  return last_response(g, std::move(output));
}

Json ResponseAnswer::numbered(const char* type, Json fields) {
  Json event = Json::object({{"type", type}, {"sequence_number", sequence_++}});
  for (const auto& [key, value] : fields.as_object()) event.set(key, value);
  return event;
}

Json ResponseAnswer::place_of(const Item& item) const {
  Json place = Json::object(
      {{"item_id", item.id}, {"output_index", static_cast<std::int64_t>(items_.size()) - 1}});
  if (!item.is_call) place.set("content_index", 0);
  return place;
}

void ResponseAnswer::begin_item(bool is_call, const std::string& name, Chunks& chunks) {
  if (open_) end_item(chunks);
  open_ = true;
  items_.push_back(
      {is_call, drawn_id(is_call ? "fc_" : "msg_"), is_call ? drawn_id("call_") : "", name, {}});
  const Item& item = items_.back();
  chunks.push_back(
      numbered("response.output_item.added",
               Json::object({{"output_index", static_cast<std::int64_t>(items_.size()) - 1},
                             {"item", item_json(item, "in_progress")}})));
  if (is_call) return;
  Json part = place_of(item);
  part.set("part", text_part(""));
  chunks.push_back(numbered("response.content_part.added", std::move(part)));
}

void ResponseAnswer::add_text(const std::string& text, Chunks& chunks) {
  Item& item = items_.back();
  item.text += text;
  Json delta = place_of(item);
  delta.set("delta", text);
  if (!item.is_call) delta.set("logprobs", Json::array());
  chunks.push_back(numbered(
      item.is_call ? "response.function_call_arguments.delta" : "response.output_text.delta",
      std::move(delta)));
}

void ResponseAnswer::end_item(Chunks& chunks) {
  const Item& item = items_.back();
  open_ = false;
  Json done = place_of(item);
  if (item.is_call) {
    done.set("name", item.name);
    done.set("arguments", item.text);
    chunks.push_back(numbered("response.function_call_arguments.done", std::move(done)));
  } else {
    done.set("text", item.text);
    done.set("logprobs", Json::array());
    chunks.push_back(numbered("response.output_text.done", std::move(done)));
    Json part = place_of(item);
    part.set("part", text_part(item.text));
    chunks.push_back(numbered("response.content_part.done", std::move(part)));
  }
  chunks.push_back(
      numbered("response.output_item.done",
               Json::object({{"output_index", static_cast<std::int64_t>(items_.size()) - 1},
                             {"item", item_json(item, "completed")}})));
}

void ResponseAnswer::follow(const std::vector<chat::ToolEvent>& events, Chunks& chunks) {
  using Kind = chat::ToolEvent::Kind;
  for (const chat::ToolEvent& event : events) {
    switch (event.kind) {
      case Kind::text:
        if (!open_ || items_.back().is_call) begin_item(false, {}, chunks);
        add_text(event.text, chunks);
        break;
      case Kind::begin:
        begin_item(true, event.text, chunks);
        break;
      case Kind::arguments:
        add_text(event.text, chunks);
        break;
      case Kind::end:
        end_item(chunks);
        break;
    }
  }
}

Answer::Chunks ResponseAnswer::first_chunks(std::size_t) {
  const Json begun = response("in_progress", Json::array(), {}, {});
  return {numbered("response.created", Json::object({{"response", begun}})),
          numbered("response.in_progress", Json::object({{"response", begun}}))};
}

Answer::Chunks ResponseAnswer::text_chunks(std::size_t, std::string_view text, const Tokens&) {
  std::vector<chat::ToolEvent> events;
  if (reader_)
    reader_->push(text, events);
  else
    events.push_back({chat::ToolEvent::Kind::text, 0, std::string(text)});
  Chunks chunks;
  follow(events, chunks);
  return chunks;
}

Answer::Chunks ResponseAnswer::last_chunks(std::size_t, const infer::Generation& g, const Tokens&) {
  Chunks chunks;
  std::vector<chat::ToolEvent> events;
  if (reader_) reader_->finish(events);
  follow(events, chunks);
  if (items_.empty()) begin_item(false, {}, chunks);
  if (open_) end_item(chunks);
  const bool cut = finish_word(g.finish) == "length";
  Json output = Json::array();
  for (std::size_t i = 0; i < items_.size(); ++i)
    output.push_back(
        item_json(items_[i], cut && i + 1 == items_.size() ? "incomplete" : "completed"));
  chunks.push_back(numbered(cut ? "response.incomplete" : "response.completed",
                            Json::object({{"response", last_response(g, std::move(output))}})));
  return chunks;
}

Json ResponseAnswer::failure(const std::exception_ptr& error) {
  const Json body = Json::parse(error_response(error).body, "an error").at("error");
  return numbered("error", Json::object({{"code", body.at("code")},
                                         {"message", body.at("message")},
                                         {"param", body.at("param")}}));
}

std::string ResponseAnswer::event(const Json& chunk) const {
  if (chunk.is_null()) return {};
  return "event: " + chunk.at("type").as_string() + "\ndata: " + chunk.dump() + "\n\n";
}

}  // namespace stemma::serve
