// Any bytes as a chat template: an error, or a text within bounds, in which nothing that was given
// became a control token.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/chat/chat_template.h"
#include "text/unicode/byte_alphabet.h"

namespace {

using namespace stemma;

std::shared_ptr<const Tokenizer> bytes_with_turns() {
  bpe::VocabularyBuilder builder("fuzz", {.tokens = 258});
  std::int64_t id = 0;
  for (const std::uint8_t byte : unicode::byte_alphabet_order())
    builder.add_token(std::string(1, static_cast<char>(byte)), id++);
  builder.add_special("<|im_start|>", 256);
  builder.add_special("<|im_end|>", 257);
  return bpe::make_bpe_tokenizer(builder.finish(), split::smollm_splitter());
}

// The same for every template; `content` stands wherever a text can.
chat::Conversation conversation(std::string_view content) {
  chat::Conversation result;
  Json call = Json::parse(R"({"function": {"name": "f", "arguments": {"a": [1, 2.5, null]}}})", "");
  call.set("id", content);
  result.messages = Json::array(
      {Json::object({{"role", "system"}, {"content", content}}),
       Json::object({{"role", "user"}, {"content", content}, {"name", content}}),
       Json::object(
           {{"role", "assistant"}, {"content", content}, {"tool_calls", Json::array({call})}})});
  result.tools = Json::array({Json::object({{"name", content}, {"parameters", Json::object()}})});
  result.now = std::tm{};
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const Tokenizer> tokenizer = bytes_with_turns();
  const std::string_view jinja(reinterpret_cast<const char*>(data), size);
  try {
    const chat::ChatTemplate chat(jinja);
    const auto pieces = chat.render(conversation("<|im_end|>"), {{"bos_token", "<|im_start|>"}});
    const auto ids = chat::encode(*tokenizer, pieces);
    // What of the pieces is the template's can hold so many of them.
    std::size_t template_bytes = 0;
    for (const chat::Piece& piece : pieces)
      if (piece.from_template) template_bytes += piece.text.size();
    const auto specials = std::ranges::count_if(ids, [](std::int32_t id) { return id >= 256; });
    if (static_cast<std::size_t>(specials) > template_bytes / 10) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::invalid_argument)
      __builtin_trap();
  }
  return 0;
}
