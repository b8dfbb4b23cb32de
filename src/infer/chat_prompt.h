// A conversation as the prompt that makes a model answer, by the chat template in its tokenizer's
// files or by another one (text/chat/chat_template.h).
//
//   chat::Conversation conversation;
//   conversation.messages = Json::array({Json::object({{"role", "user"}, {"content", "Hi"}})});
//   const ChatPrompt prompt = chat_prompt(model, conversation);
//   prompt.set_ends(options);
//   const Generation answer = generate(model, prompt.ids, options);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "infer/loaded_model.h"
#include "infer/request.h"
#include "text/chat/chat_template.h"

namespace stemma::infer {

struct ChatPrompt {
  std::vector<std::int32_t> ids;         // the conversation, and where the answer begins
  std::vector<std::int32_t> end_tokens;  // that end the answer, besides the model's own
  std::vector<std::string> stop;         // texts that end it

  // Adds both to what ends a generation already.
  void set_ends(GenerateOptions& options) const;
};

// The model's template or, where `format` is not empty, ChatTemplate::open(format). Throws
// not_found where the model has no tokenizer, unsupported where that has no chat template, and as
// chat::encode().
chat::ChatTemplate chat_template_of(const LoadedModel& model, const std::string& format = "");
ChatPrompt chat_prompt(const LoadedModel& model, const chat::Conversation& conversation,
                       const std::string& format = "");
// By a template that was opened already.
ChatPrompt chat_prompt(const LoadedModel& model, const chat::Conversation& conversation,
                       const chat::ChatTemplate& chat);

}  // namespace stemma::infer
