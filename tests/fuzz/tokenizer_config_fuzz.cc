// Any bytes as tokenizer_config.json or special_tokens_map.json: an Error, or names of tokens.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/files/hugging_face.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  tokenizer_files::TokenNames names;
  try {
    tokenizer_files::add_token_names({reinterpret_cast<const char*>(data), size}, "fuzz", names);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) __builtin_trap();
  }
  return 0;
}
