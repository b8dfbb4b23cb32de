// How a model writes that it wants a function called, and how tools are shown to it, by its chat
// template.
//
//   const ToolFormat format = tool_format_of(tokenizer.chat_template());
//   conversation = with_tools(std::move(conversation), tools, format);
//
//   tagged   <tool_call>\n{"name": "f", "arguments": {...}}\n</tool_call>     Hermes, Qwen, SmolLM
//   listed   [TOOL_CALLS][{"name": "f", "arguments": {...}}]                  Mistral
//   bare     {"name": "f", "parameters": {...}}                               Llama 3
//
// A template that knows nothing of tools gets them as a part of the system message, and calls and
// results as ordinary text, in the words of Hermes' format.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/chat/chat_template.h"

namespace stemma::chat {

struct ToolFormat {
  std::string begin;        // stands before a call; empty: the whole answer is one
  std::string end;          // stands behind it; empty: nothing does
  std::string arguments;    // the key of the arguments
  bool listed = false;      // calls stand in a list
  bool in_template = true;  // the template shows tools itself
};
ToolFormat tool_format_of(std::string_view chat_template);

// `tools`: as OpenAI's API has them, {"type": "function", "function": {"name", "description",
// "parameters"}}; null: none, and only calls and results in the messages are changed where the
// template does not know them. The arguments of calls are objects.
Conversation with_tools(Conversation conversation, const Json& tools, const ToolFormat& format);

}  // namespace stemma::chat
