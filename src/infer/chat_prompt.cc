#include "infer/chat_prompt.h"

#include "base/error.h"

namespace stemma::infer {

void ChatPrompt::set_ends(GenerateOptions& options) const {
  options.end_tokens.insert(options.end_tokens.end(), end_tokens.begin(), end_tokens.end());
  options.stop.insert(options.stop.end(), stop.begin(), stop.end());
}

chat::ChatTemplate chat_template_of(const LoadedModel& model, const std::string& format) {
  if (!format.empty()) return chat::ChatTemplate::open(format);
  const Tokenizer& tokenizer = model.tokenizer();
  if (tokenizer.chat_template().empty())
    throw Error(ErrorCode::unsupported,
                "[chat] the model has no chat template (chat_template in tokenizer_config.json, "
                "chat_template.jinja, or in a GGUF file tokenizer.chat_template): it continues "
                "text and was not made for chats; use --prompt, or --chat-template plain");
  return chat::ChatTemplate(tokenizer.chat_template());
}

ChatPrompt chat_prompt(const LoadedModel& model, const chat::Conversation& conversation,
                       const std::string& format) {
  return chat_prompt(model, conversation, chat_template_of(model, format));
}

ChatPrompt chat_prompt(const LoadedModel& model, const chat::Conversation& conversation,
                       const chat::ChatTemplate& chat) {
  const Tokenizer& tokenizer = model.tokenizer();
  return {chat::encode(tokenizer, chat, conversation), chat::end_tokens(tokenizer, chat),
          chat.stop_texts()};
}

}  // namespace stemma::infer
