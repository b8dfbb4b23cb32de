#include "text/chat/chat_template.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/chat/template_form.h"

namespace stemma::chat {
namespace {

// In a known template: any text that names no special token of it.
constexpr std::string_view kAnyText = "\x01";

// ChatML (openai/openai-python, chatml.md) as Hugging Face's models write it.
constexpr std::string_view kOwnSystem =
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n\x01<|im_end|>\n' }}{% endif %}";
constexpr std::string_view kEachMessage =
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}";
constexpr std::string_view kPromptDefault =
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}"
    "{% endif %}";

std::string chatml(bool sets_default, bool has_system) {
  return fmt::format(
      "{}{{% for message in messages %}}{}{}{{% endfor %}}"
      "{{% if add_generation_prompt %}}<|im_start|>assistant\n{{% endif %}}",
      sets_default ? kPromptDefault : "", has_system ? kOwnSystem : "", kEachMessage);
}

// What stands at the place of kAnyText; empty where the known template has none. Nothing where the
// two differ elsewhere.
std::optional<std::string> match(const std::vector<FormPart>& form,
                                 const std::vector<FormPart>& known) {
  if (form.size() != known.size()) return std::nullopt;
  std::string found;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const std::size_t any = known[i].text.find(kAnyText);
    if (any == std::string::npos) {
      if (form[i] != known[i]) return std::nullopt;
      continue;
    }
    const std::string_view text = form[i].text, wanted = known[i].text;
    const std::string_view before = wanted.substr(0, any), after = wanted.substr(any + 1);
    if (form[i].kind != known[i].kind || text.size() < before.size() + after.size() ||
        !text.starts_with(before) || !text.ends_with(after))
      return std::nullopt;
    found = text.substr(before.size(), text.size() - before.size() - after.size());
    for (const std::string_view name : {ChatTemplate::kBegin, ChatTemplate::kEnd})
      if (found.find(name) != std::string::npos) return std::nullopt;
  }
  return found;
}

std::int32_t id_of(const Tokenizer& tokenizer, std::string_view wanted) {
  for (const auto& [name, id] : tokenizer.special_tokens()) {
    if (name != wanted) continue;
    if (const std::string_view flag = tokenizer.flag_of_special(id); !flag.empty())
      throw Error(ErrorCode::unsupported,
                  fmt::format("[chat] special token '{}' has {} in its file, which changes the ids "
                              "beside it and cannot be followed",
                              wanted, flag));
    return id;
  }
  throw Error(ErrorCode::unsupported,
              fmt::format("[chat] the chat template needs the special token '{}', which the "
                          "tokenizer does not have: give the model its own tokenizer",
                          wanted));
}

// A template's own words may have special tokens in them; encoded as text they would be none.
void check_default_system(const Tokenizer& tokenizer, std::string_view text) {
  for (const auto& [name, id] : tokenizer.special_tokens())
    if (text.find(name) != text.npos)
      throw Error(
          ErrorCode::unsupported,
          fmt::format("[chat] the system message of the chat template has the special token "
                      "'{}' in it: give a system message of your own",
                      name));
}

class ChatEncoder {
 public:
  explicit ChatEncoder(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer),
        begin_(id_of(tokenizer, ChatTemplate::kBegin)),
        end_(id_of(tokenizer, ChatTemplate::kEnd)) {}

  // Role and content are one stretch of text, as merges may cross from one to the other.
  void add(std::string_view role, std::string_view content) {
    begin(role, content);
    ids_.push_back(end_);
    tokenizer_.encode("\n", ids_);
  }
  void begin(std::string_view role, std::string_view content) {
    ids_.push_back(begin_);
    tokenizer_.encode(fmt::format("{}\n{}", role, content), ids_);
  }
  std::vector<std::int32_t> take() { return std::move(ids_); }

 private:
  const Tokenizer& tokenizer_;
  std::int32_t begin_, end_;
  std::vector<std::int32_t> ids_;
};

}  // namespace

ChatTemplate::ChatTemplate(std::string_view jinja) {
  if (const auto form = template_form(jinja))
    for (const bool sets_default : {false, true})
      for (const bool has_system : {true, false}) {
        const auto found = match(*form, *template_form(chatml(sets_default, has_system)));
        if (!found) continue;
        if (has_system) default_system_ = *found;
        return;
      }
  throw Error(ErrorCode::unsupported,
              "[chat] the model's chat template is none that is known: only ChatML "
              "(<|im_start|>role, the text, <|im_end|>), with or without a system message of its "
              "own, can be followed; put the conversation into text yourself and continue that "
              "with --prompt");
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                 std::span<const Message> messages, bool add_generation_prompt) {
  ChatEncoder encoder(tokenizer);
  if (chat.default_system() && !messages.empty() && messages.front().role != "system") {
    check_default_system(tokenizer, *chat.default_system());
    encoder.add("system", *chat.default_system());
  }
  for (const Message& message : messages) encoder.add(message.role, message.content);
  if (add_generation_prompt) encoder.begin("assistant", "");
  return encoder.take();
}

std::int32_t end_of_turn(const Tokenizer& tokenizer, const ChatTemplate&) {
  return id_of(tokenizer, ChatTemplate::kEnd);
}

}  // namespace stemma::chat
