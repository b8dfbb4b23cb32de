// Any bytes as a chat template: refused as unsupported, or one that encodes a conversation, with
// no more control tokens than the template writes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const Tokenizer> tokenizer = bytes_with_turns();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const chat::ChatTemplate chat(text);
    const std::vector<chat::Message> messages = {{"user", std::string(text)}};
    const auto ids = chat::encode(*tokenizer, chat, messages, true);
    const std::ptrdiff_t turns = chat.default_system() ? 3 : 2;
    if (std::ranges::count(ids, 256) != turns || std::ranges::count(ids, 257) != turns - 1)
      __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) __builtin_trap();
  }
  return 0;
}
