// A conversation as the prompt that makes a model answer, by the chat template in its tokenizer's
// files (text/chat/chat_template.h).
//
//   const std::vector<chat::Message> messages = {{"user", "What is a stemma?"}};
//   const ChatPrompt prompt = chat_prompt(model, messages);
//   options.end_tokens = {prompt.end_of_turn};
//   const Generation answer = generate(model, prompt.ids, options);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "infer/loaded_model.h"
#include "text/chat/chat_template.h"

namespace stemma::infer {

struct ChatPrompt {
  std::vector<std::int32_t> ids;  // the conversation, and where the answer begins
  std::int32_t end_of_turn = 0;   // the token that ends the answer
};

// Throws not_found where the model has no tokenizer, unsupported where that has no chat template or
// one that is not known.
ChatPrompt chat_prompt(const LoadedModel& model, std::span<const chat::Message> messages);

}  // namespace stemma::infer
