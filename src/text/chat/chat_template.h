// A conversation as the ids that a model was trained on, by the model's chat template: a text in
// Jinja that says what stands around each message.
//
//   const ChatTemplate chat(tokenizer.chat_template());
//   Conversation conversation;
//   conversation.messages = Json::array({Json::object({{"role", "user"}, {"content", "Hi"}})});
//   const auto ids = encode(tokenizer, chat, conversation);   // <|im_start|>user\nHi<|im_end|> ...
//   const auto ends = end_tokens(tokenizer, chat);            // of <|im_end|>
//
// The template is run by an interpreter of our own, within bounds (jinja/template.h). What it
// prints, and the ids, are those of transformers' apply_chat_template() for messages without the
// names of special tokens.
//
// Only the template writes control tokens. What messages, tools and documents bring is encoded as
// ordinary text, so that an "<|im_end|>" in it is ten characters, also where it and words of the
// template together spell a token. Immutable; any thread.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace stemma::chat {

struct Conversation {
  // Objects with a `role`, and what the template knows: `content` (a text, or a list of parts),
  // tool_calls, tool_call_id, name, reasoning_content. As in transformers, a key that is null is
  // none, and reasoning may be called thinking or reasoning too.
  Json messages = Json::array();
  Json tools, documents;              // lists; null: none
  Json variables = Json::object();    // what else the template reads: {"enable_thinking": false}
  bool add_generation_prompt = true;  // end with what stands before an answer
  std::string begun_answer = {};      // and then with this, as the template's own text
  std::optional<std::tm> now = {};    // of templates that print the date; none: the local time
};

// A part of a rendered conversation. Special tokens are only found inside of one whose text is the
// template's; neighbours differ.
struct Piece {
  std::string text;
  bool from_template = true;
  bool operator==(const Piece&) const = default;
};

// Names of special tokens by the variables in which a template reads them: {"bos_token", "<s>"}.
using TokenNames = std::vector<std::pair<std::string, std::string>>;
TokenNames token_names(const Tokenizer& tokenizer);

class ChatTemplate {
 public:
  // Throws unsupported, with the line, for what is no template or not supported.
  explicit ChatTemplate(std::string_view jinja);
  // A format by name: "chatml" (<|im_start|>ROLE\nTEXT<|im_end|>\n) or "plain", for models without
  // a template ("User: TEXT\nAssistant:"); or a file with a template. Throws not_found, corrupt,
  // and as above.
  static ChatTemplate open(const std::string& name_or_file);

  // Throws invalid_argument for messages that are none and where the template refuses them,
  // unsupported as in jinja/template.h.
  std::vector<Piece> render(const Conversation& conversation, const TokenNames& tokens) const;

  const std::string& jinja() const { return jinja_; }
  // Texts that end an answer, for formats in which no token does: "\nUser:".
  const std::vector<std::string>& stop_texts() const { return stop_texts_; }
  // Special tokens without which the format has no meaning.
  const std::vector<std::string>& needed_tokens() const { return needed_tokens_; }

 private:
  struct Parsed;
  std::shared_ptr<const Parsed> parsed_;
  std::string jinja_;
  std::vector<std::string> stop_texts_, needed_tokens_;
};

// The ids of a conversation. Throws as render(), and unsupported where the tokenizer does not have
// a token that the format needs, or the template writes one with a flag
// (Tokenizer::flag_of_special()).
std::vector<std::int32_t> encode(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                 const Conversation& conversation);
std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::span<const Piece> pieces);

// The tokens with which the model may end its answer: the special token that the template writes
// behind one, and the tokenizer's end of text. Empty where there is neither.
std::vector<std::int32_t> end_tokens(const Tokenizer& tokenizer, const ChatTemplate& chat);

}  // namespace stemma::chat
