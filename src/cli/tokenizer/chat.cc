#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "data/text_files.h"
#include "text/chat/chat_template.h"

namespace stemma::cli {
namespace {

struct TokenizerChatOptions {
  std::string tokenizer, chat_template, messages, tools, documents, variables;
  std::string bos_token, eos_token;
  bool generation_prompt = true, json = false;
};

Json json_file(const std::string& path) {
  return path.empty() ? Json() : Json::parse(read_any_text(path), path);
}

chat::Conversation conversation_of(const TokenizerChatOptions& o) {
  chat::Conversation conversation;
  conversation.messages = json_file(o.messages);
  conversation.tools = json_file(o.tools);
  conversation.documents = json_file(o.documents);
  if (!o.variables.empty()) conversation.variables = Json::parse(o.variables, "--variables");
  if (!conversation.variables.is_object())
    throw Error(ErrorCode::invalid_argument,
                "[tokenizer chat] --variables must be a JSON object such as {\"name\": true}");
  conversation.add_generation_prompt = o.generation_prompt;
  return conversation;
}

chat::ChatTemplate template_of(const TokenizerChatOptions& o, const Tokenizer* tokenizer) {
  if (!o.chat_template.empty()) return chat::ChatTemplate::open(o.chat_template);
  if (!tokenizer)
    throw Error(ErrorCode::invalid_argument,
                "[tokenizer chat] give --tokenizer, --chat-template or both");
  if (tokenizer->chat_template().empty())
    throw Error(ErrorCode::unsupported,
                "[tokenizer chat] the tokenizer has no chat template: name one with "
                "--chat-template (chatml, plain or a file)");
  return chat::ChatTemplate(tokenizer->chat_template());
}

// The tokenizer's, and those that are given in their place.
chat::TokenNames names_of(const TokenizerChatOptions& o, const Tokenizer* tokenizer) {
  chat::TokenNames names;
  if (tokenizer) names = chat::token_names(*tokenizer);
  if (!o.bos_token.empty()) names.emplace_back("bos_token", o.bos_token);
  if (!o.eos_token.empty()) names.emplace_back("eos_token", o.eos_token);
  return names;
}

Json ids_json(const std::vector<std::int32_t>& ids) {
  Json list = Json::array();
  for (const std::int32_t id : ids) list.push_back(id);
  return list;
}

int run_tokenizer_chat(const TokenizerChatOptions& o) {
  std::shared_ptr<const Tokenizer> tokenizer;
  if (!o.tokenizer.empty()) tokenizer = checkpoint::tokenizer_from(o.tokenizer);
  const chat::ChatTemplate chat = template_of(o, tokenizer.get());
  const std::vector<chat::Piece> pieces =
      chat.render(conversation_of(o), names_of(o, tokenizer.get()));
  std::string text;
  for (const chat::Piece& piece : pieces) text += piece.text;
  if (!o.json) {
    print(text);
    return interrupted_or_done();
  }
  Json out = Json::object({{"text", text}, {"pieces", Json::array()}});
  Json parts = Json::array();
  for (const chat::Piece& piece : pieces)
    parts.push_back(Json::object({{"text", piece.text}, {"from_template", piece.from_template}}));
  out.set("pieces", parts);
  if (tokenizer) {
    out.set("ids", ids_json(chat::encode(*tokenizer, pieces)));
    out.set("end_tokens", ids_json(chat::end_tokens(*tokenizer, chat)));
  }
  return print_json(out);
}

}  // namespace

void add_tokenizer_chat(Program& program) {
  auto o = std::make_shared<TokenizerChatOptions>();
  Command& c = program.add("tokenizer chat", "what a chat template makes of a conversation");
  c.about =
      "Prints the text that a model sees for a conversation: its messages, put into the chat "
      "template of the tokenizer or into another one. With --json: the text, its pieces (whether "
      "each is the template's or was given), the ids, and the tokens that end an answer. Control "
      "tokens are the template's alone: whatever a message says becomes ordinary text.";
  c.examples = {
      "stemma tokenizer chat --tokenizer models/smollm2 --messages chat.json --json",
      "stemma tokenizer chat --chat-template chat_template.jinja --messages chat.json --tools "
      "tools.json --variables '{\"enable_thinking\": false}'"};
  c.options.add_path(tokenizer_help("; empty: none, no ids"), o->tokenizer);
  c.options.add_path(
      {"messages", "a JSON file with the list of messages; -: standard input", "chat.json"},
      o->messages);
  c.options.add({"chat_template",
                 "chatml, plain or a file with a Jinja template, instead of the tokenizer's own",
                 "chatml",
                 {"template"}},
                o->chat_template);
  c.options.add_path({"tools", "a JSON file with the list of tools; empty: none", "tools.json"},
                     o->tools);
  c.options.add_path(
      {"documents", "a JSON file with a list of documents; empty: none", "documents.json"},
      o->documents);
  c.options.add({"variables", "a JSON object with further variables of the template",
                 "'{\"enable_thinking\": false}'"},
                o->variables);
  c.options.add({"bos_token", "the template's bos_token, instead of the tokenizer's", "'<s>'"},
                o->bos_token);
  c.options.add({"eos_token", "the template's eos_token, instead of the tokenizer's", "'</s>'"},
                o->eos_token);
  c.options.add({"generation_prompt", "end with what stands before the next answer", "false"},
                o->generation_prompt);
  declare_json(o->json, c.options);
  c.required = {"messages"};
  c.run = [o] { return run_tokenizer_chat(*o); };
}

}  // namespace stemma::cli
