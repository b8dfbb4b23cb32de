// Any bytes as tokenizer.json: an Error, or a tokenizer whose ids decode to the text, where it
// keeps its bytes.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/characters/char_json.h"
#include "text/files/hugging_face.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Json root = Json::parse(text, "fuzz");
    std::shared_ptr<const Tokenizer> tokenizer;
    if (characters::is_char_json(root))
      tokenizer = characters::read_char_json(root, "fuzz");
    else
      tokenizer = tokenizer_files::read_tokenizer_json(root, "fuzz");
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    if (tokenizer->keeps_bytes() && tokenizer->decode(ids) != text) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}
