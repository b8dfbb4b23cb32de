// Tools in requests: which functions a model may call, and whether it must.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "infer/chat_prompt.h"
#include "serve/api/fields.h"
#include "serve/model_host.h"
#include "text/chat/tool_format.h"

namespace stemma::serve {

struct ToolUse {
  enum class Choice : std::uint8_t { automatic, none, required } choice = Choice::automatic;
  Json tools = {};         // a list in the form of /v1/chat/completions; null: none
  std::string named = {};  // the function that must be called; empty: any
  bool parallel = true;    // several calls in an answer

  bool shown() const { return !tools.is_null() && choice != Choice::none; }
  bool forced() const { return shown() && choice == Choice::required; }
};

// `tools`, `tool_choice` and `parallel_tool_calls`, as /v1/chat/completions has them, or
// /v1/responses (flat: a function's fields lie in the tool itself). Throws ApiError naming the
// field.
enum class ToolForm : std::uint8_t { nested, flat };
ToolUse read_tools(Fields& fields, ToolForm form);

// A conversation and what its answer must be, by the tools.
struct ToolPrompt {
  infer::ChatPrompt prompt;
  chat::ToolFormat format;
  std::shared_ptr<const grammar::MaskCache> constraint;  // of a call that must come
};
// Throws as infer::chat_prompt, and ApiError for schemas that cannot be held to.
ToolPrompt prompt_with_tools(ModelHost& host, chat::Conversation conversation, const ToolUse& use);

}  // namespace stemma::serve
