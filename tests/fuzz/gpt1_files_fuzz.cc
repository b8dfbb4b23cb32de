// Any bytes as GPT-1's vocab.json and merges.txt, separated by the first NUL: an Error, another
// kind, or a tokenizer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/gpt1/gpt1_files.h"
#include "text/gpt1/gpt1_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\0'), size);
  const std::string_view merges = text.substr(std::min(end + 1, size));
  try {
    auto vocabulary = gpt1::parse_gpt1({text.substr(0, end), merges, {"<end>"}, "<end>"}, "fuzz/");
    if (!vocabulary) return 0;
    const gpt1::Gpt1Tokenizer tokenizer(std::move(*vocabulary));
    std::vector<std::int32_t> ids;
    tokenizer.encode(text, ids);
    tokenizer.decode(ids);
    for (const std::int32_t id : ids)
      if (id == tokenizer.end_of_text()) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}
