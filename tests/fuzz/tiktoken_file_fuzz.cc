// Any bytes as a .tiktoken file, or, where they begin as JSON, as the rules beside one: an Error,
// or a tokenizer whose ids decode to the text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/files/tiktoken_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    tokenizer_files::TiktokenRules rules;
    rules.splitter = &split::cl100k_splitter();
    rules.joins_last_lines = size % 2 == 0;
    rules.special_tokens = {{"<|endoftext|>", static_cast<std::int32_t>(size / 8)}};
    if (text.starts_with('{')) rules = tokenizer_files::parse_tiktoken_rules(text, "fuzz.json");
    const auto tokenizer = tokenizer_files::parse_tiktoken(text, rules, "fuzz.tiktoken");
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    if (tokenizer->decode(ids) != text) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}
