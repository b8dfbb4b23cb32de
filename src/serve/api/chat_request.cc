#include "serve/api/chat_request.h"

#include <utility>

#include "serve/api/api_error.h"

namespace stemma::serve {

ChatRequest chat_request(ModelHost& host, chat::Conversation conversation, const ToolUse& tools,
                         infer::GenerateOptions options, Constraint constraint,
                         std::optional<std::int64_t> most_tokens) {
  if (constraint && tools.shown())
    throw ApiError(400,
                   "an answer that is held to a format calls no tools: leave out 'tools' or the "
                   "format, or say 'tool_choice': 'none'",
                   "tools");
  ToolPrompt prompt = prompt_with_tools(host, std::move(conversation), tools);
  prompt.prompt.set_ends(options);
  options.constraint = tools.forced() ? std::move(prompt.constraint) : std::move(constraint);
  options.max_tokens = most_tokens.value_or(host.most_tokens());
  ChatRequest result;
  if (tools.shown()) {
    // The mark behind the first call ends the answer.
    if (!tools.parallel && !tools.forced() && !prompt.format.end.empty())
      options.stop.push_back(prompt.format.end);
    result.tools = std::move(prompt.format);
  }
  result.request = {std::move(prompt.prompt.ids), std::move(options), {}};
  return result;
}

}  // namespace stemma::serve
