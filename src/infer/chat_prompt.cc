#include "infer/chat_prompt.h"

#include "base/error.h"

namespace stemma::infer {

ChatPrompt chat_prompt(const LoadedModel& model, std::span<const chat::Message> messages) {
  const Tokenizer& tokenizer = model.tokenizer();
  if (tokenizer.chat_template().empty())
    throw Error(ErrorCode::unsupported,
                "[chat] the model has no chat template (chat_template in tokenizer_config.json, "
                "chat_template.jinja, or in a GGUF file tokenizer.chat_template): it continues "
                "text and was not made for chats; use --prompt");
  const chat::ChatTemplate chat(tokenizer.chat_template());
  return {chat::encode(tokenizer, chat, messages, true), chat::end_of_turn(tokenizer, chat)};
}

}  // namespace stemma::infer
