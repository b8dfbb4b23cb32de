// Any bytes as text: GPT-2's ids decode to it, no id is a special token, and a stream of the tokens
// gives it too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/published.h"
#include "text/utf8_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  static const auto tokenizer = published_tokenizer("gpt2");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::int32_t> ids;
  tokenizer->encode(text, ids);
  if (tokenizer->decode(ids) != text) __builtin_trap();
  std::string streamed;
  Utf8Stream stream;
  for (const std::int32_t id : ids) {
    if (id == tokenizer->end_of_text()) __builtin_trap();
    streamed += stream.push(tokenizer->bytes_of(id));
  }
  if (streamed + stream.flush() != text) __builtin_trap();
  return 0;
}
