// Any bytes as vocab.txt: an Error, or a tokenizer whose ids decode to the text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/characters/vocab_txt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto tokenizer = characters::parse_vocab_txt(text, "fuzz");
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    if (tokenizer->decode(ids) != text) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}
