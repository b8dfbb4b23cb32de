#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "serve/terminal/talker.h"

namespace stemma::serve {

RemoteTalker::RemoteTalker(Endpoint endpoint, std::string key, std::string model)
    : client_(std::move(endpoint), std::move(key)), model_(std::move(model)) {
  const std::vector<std::string> there = models();
  if (!model_.empty()) {
    use_model(model_);
    return;
  }
  if (there.empty())
    throw Error(ErrorCode::not_found, "[chat] the server has no model: load one into it");
  // Our server says what its models can; of others the first one is taken.
  const auto chats = std::ranges::find_if(
      there, [&](const std::string& name) { return std::ranges::count(chatting_, name) > 0; });
  model_ = chats == there.end() ? there.front() : *chats;
}

std::vector<std::string> RemoteTalker::models() {
  std::vector<std::string> names;
  const Json list = client_.get("/models");
  chatting_.clear();
  for (const Json& model : list.at("data").as_array()) {
    names.push_back(model.at("id").as_string());
    const Json* ours = model.find("stemma");
    const Json* can = ours && ours->is_object() ? ours->find("can") : nullptr;
    if (!can || !can->is_array()) continue;
    for (const Json& what : can->as_array())
      if (what.is_string() && what.as_string() == "chat") chatting_.push_back(names.back());
  }
  return names;
}

void RemoteTalker::use_model(const std::string& name) {
  const std::vector<std::string> there = models();
  if (std::ranges::count(there, name) == 0)
    throw Error(ErrorCode::not_found, fmt::format("[chat] the server has no model '{}': it has {}",
                                                  name, fmt::join(there, ", ")));
  model_ = name;
}

std::optional<Talker::Size> RemoteTalker::size(const Json& messages) {
  Json::Array before = messages.as_array();
  if (!before.empty()) before.pop_back();  // the answer
  return Json(std::move(before)).dump() == answered_ ? last_ : std::nullopt;
}

Reply RemoteTalker::reply(const Json& messages, const TalkOptions& o, const Print& print,
                          Interrupt interrupt) {
  Json body = Json::object({{"model", model_},
                            {"messages", messages},
                            {"stream", true},
                            {"stream_options", Json::object({{"include_usage", true}})}});
  if (o.temperature) body.set("temperature", *o.temperature);
  if (o.top_p) body.set("top_p", *o.top_p);
  if (o.min_p) body.set("min_p", *o.min_p);
  if (o.top_k) body.set("top_k", *o.top_k);
  if (o.max_tokens) body.set("max_tokens", *o.max_tokens);
  if (o.seed) body.set("seed", *o.seed);
  Reply reply;
  const auto begin = std::chrono::steady_clock::now();
  const auto since_begin = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  reply.finish = "cancelled";
  last_.reset();
  answered_ = messages.dump();
  client_.stream(
      "/chat/completions", body,
      [&](const Json& chunk) {
        if (const Json* usage = chunk.find("usage"); usage && usage->is_object()) {
          reply.prompt_tokens = usage->get("prompt_tokens", 0);
          reply.tokens = usage->get("completion_tokens", 0);
          last_ = Size{reply.prompt_tokens + reply.tokens, 0};
        }
        const Json* choices = chunk.find("choices");
        if (!choices || !choices->is_array() || choices->as_array().empty()) return true;
        const Json& choice = choices->as_array().front();
        if (const Json* reason = choice.find("finish_reason"); reason && reason->is_string())
          reply.finish = reason->as_string();
        const Json* delta = choice.find("delta");
        const Json* content = delta ? delta->find("content") : nullptr;
        if (!content || !content->is_string() || content->as_string().empty()) return true;
        if (reply.text.empty()) reply.first_seconds = since_begin();
        reply.text += content->as_string();
        return print(content->as_string());
      },
      interrupt);
  reply.seconds = since_begin();
  return reply;
}

}  // namespace stemma::serve
