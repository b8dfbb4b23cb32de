// A conversation as the ids that a model was trained on: what a model's chat template, a Jinja
// text, says of the place of each message.
//
//   const ChatTemplate chat(tokenizer.chat_template());
//   const std::vector<Message> messages = {{"user", "What is a stemma?"}};
//   const auto ids = encode(tokenizer, chat, messages, true);   // <|im_start|>system\nYou are ...
//   const std::int32_t stop = end_of_turn(tokenizer, chat);     // of <|im_end|>
//
// There is no interpreter for Jinja. One family of templates is known and recognised by what it
// says (template_form.h), ChatML:
//
//   <|im_start|>ROLE\nCONTENT<|im_end|>\n      for each message, and
//   <|im_start|>assistant\n                    where the answer is to begin,
//
// with or without a system message of the template's own before a conversation that begins with
// none. Every other template is refused.
//
// Only the template writes control tokens: a message is encoded as ordinary text, so that an
// "<|im_end|>" in it is nine characters. For messages without the names of special tokens the ids
// are those of transformers' apply_chat_template(). Immutable; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace stemma::chat {

struct Message {
  std::string role;  // "system", "user", "assistant", as the template prints it
  std::string content;
};

class ChatTemplate {
 public:
  // Throws unsupported for a template that is not known.
  explicit ChatTemplate(std::string_view jinja);

  // What it says as the system before a conversation that does not begin with a system message.
  const std::optional<std::string>& default_system() const { return default_system_; }
  // The names of the special tokens around a message.
  static constexpr std::string_view kBegin = "<|im_start|>", kEnd = "<|im_end|>";

 private:
  std::optional<std::string> default_system_;
};

// The ids of a conversation; add_generation_prompt: and of what stands before the next answer.
// Throws unsupported where the tokenizer does not have the template's special tokens.
std::vector<std::int32_t> encode(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                 std::span<const Message> messages, bool add_generation_prompt);

// The token with which the model ends its answer. Throws as encode().
std::int32_t end_of_turn(const Tokenizer& tokenizer, const ChatTemplate& chat);

}  // namespace stemma::chat
