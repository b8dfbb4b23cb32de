// What the routes that answer conversations share: from messages, tools and limits to requests of
// the engine.
#pragma once

#include <optional>

#include "infer/request.h"
#include "serve/api/response_format.h"
#include "serve/api/tools.h"

namespace stemma::serve {

struct ChatRequest {
  infer::Request request;
  std::optional<chat::ToolFormat> tools = {};  // where the answer may call functions
};

// `options`: as read_sampling() gives them; most_tokens: none: to the end of the context. Throws
// ApiError (a constraint together with tools), and as infer::chat_prompt.
ChatRequest chat_request(ModelHost& host, chat::Conversation conversation, const ToolUse& tools,
                         infer::GenerateOptions options, Constraint constraint,
                         std::optional<std::int64_t> most_tokens);

}  // namespace stemma::serve
