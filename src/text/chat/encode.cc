// Rendered conversations as ids, of chat_template.h.
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "text/chat/chat_template.h"
#include "text/lookup/name_finder.h"

namespace stemma::chat {
namespace {

void check_flag(const Tokenizer& tokenizer, std::int32_t id) {
  if (const std::string_view flag = tokenizer.flag_of_special(id); !flag.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("[chat] special token '{}' has {} in its file, which changes the ids "
                            "beside it and cannot be followed",
                            tokenizer.bytes_of(id), flag));
}

void check_needed(const Tokenizer& tokenizer, const ChatTemplate& chat) {
  for (const std::string& needed : chat.needed_tokens())
    if (std::ranges::none_of(tokenizer.special_tokens(),
                             [&](const auto& one) { return one.first == needed; }))
      throw Error(ErrorCode::unsupported,
                  fmt::format("[chat] the chat format needs the special token '{}', which the "
                              "tokenizer does not have: use the format plain",
                              needed));
}

// Text between two control tokens is encoded as a whole, as merges may cross from the template's
// words to those of a message.
class PieceEncoder {
 public:
  explicit PieceEncoder(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer), names_(tokenizer.special_tokens()) {}

  void add(const Piece& piece) {
    std::size_t begin = 0;
    while (piece.from_template) {
      const auto found = names_.find(piece.text, begin);
      if (!found) break;
      check_flag(tokenizer_, found->id);
      between_.append(piece.text, begin, found->begin - begin);
      flush();
      ids_.push_back(found->id);
      begin = found->end;
    }
    between_.append(piece.text, begin);
  }
  std::vector<std::int32_t> take() {
    flush();
    return std::move(ids_);
  }

 private:
  void flush() {
    if (!between_.empty()) tokenizer_.encode(between_, ids_);
    between_.clear();
  }

  const Tokenizer& tokenizer_;
  const lookup::NameFinder names_;
  std::string between_;
  std::vector<std::int32_t> ids_;
};

// A user's question and an answer.
constexpr std::string_view kAnswer = "stemma-answer";

Conversation example(bool with_question) {
  const auto message = [](std::string_view role, std::string_view content) {
    return Json::object({{"role", role}, {"content", content}});
  };
  Conversation conversation;
  if (with_question) conversation.messages.push_back(message("user", "question"));
  conversation.messages.push_back(message("assistant", kAnswer));
  conversation.add_generation_prompt = false;
  return conversation;
}

// The first special token behind the answer.
std::optional<std::int32_t> token_after_answer(const Tokenizer& tokenizer,
                                               std::span<const Piece> pieces) {
  const lookup::NameFinder names(tokenizer.special_tokens());
  bool behind = false;
  for (const Piece& piece : pieces) {
    if (!piece.from_template) behind |= piece.text.find(kAnswer) != std::string::npos;
    if (!piece.from_template || !behind) continue;
    if (const auto found = names.find(piece.text)) return found->id;
  }
  return std::nullopt;
}

std::optional<std::int32_t> end_of_turn(const Tokenizer& tokenizer, const ChatTemplate& chat) {
  for (const bool with_question : {true, false}) try {
      return token_after_answer(tokenizer,
                                chat.render(example(with_question), token_names(tokenizer)));
    } catch (const Error&) {
      // A template may refuse a conversation so simple; what ends an answer is then not known.
    }
  return std::nullopt;
}

}  // namespace

TokenNames token_names(const Tokenizer& tokenizer) {
  TokenNames names;
  for (const auto& [role, id] : tokenizer.special_roles())
    names.emplace_back(role, tokenizer.bytes_of(id));
  return names;
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::span<const Piece> pieces) {
  PieceEncoder encoder(tokenizer);
  for (const Piece& piece : pieces) encoder.add(piece);
  return encoder.take();
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                 const Conversation& conversation) {
  check_needed(tokenizer, chat);
  return encode(tokenizer, chat.render(conversation, token_names(tokenizer)));
}

std::vector<std::int32_t> end_tokens(const Tokenizer& tokenizer, const ChatTemplate& chat) {
  std::vector<std::int32_t> ids;
  if (const auto id = end_of_turn(tokenizer, chat)) ids.push_back(*id);
  if (const auto id = tokenizer.end_of_text(); id && (ids.empty() || ids[0] != *id))
    ids.push_back(*id);
  return ids;
}

}  // namespace stemma::chat
