// Any bytes as vocab.json and merges.txt, with a line of "---" between them: an Error, or a
// tokenizer whose ids decode to the text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/files/hugging_face.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBetween = "\n---\n";
  const std::size_t at = text.find(kBetween);
  const std::string_view merges = at == text.npos ? "" : text.substr(at + kBetween.size());
  tokenizer_files::FolderSettings settings;
  settings.special = {"the"};
  settings.eos = "<|endoftext|>";
  try {
    const auto tokenizer =
        tokenizer_files::parse_vocab_and_merges({text.substr(0, at), merges, settings}, "fuzz/");
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    if (tokenizer->keeps_bytes() && tokenizer->decode(ids) != text) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}
