// Any bytes as text for GPT-1: ids in range that decode, and the ids do not depend on what stands
// two lines before.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/files/published.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  static const auto as_transformers = tokenizer_files::published_gpt1("openai-gpt");
  static const auto as_openai = tokenizer_files::published_gpt1("gpt1");
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const Tokenizer* tokenizer : {as_transformers.get(), as_openai.get()}) {
    std::vector<std::int32_t> ids, again;
    tokenizer->encode(text, ids);
    for (const std::int32_t id : ids)
      if (id < 0 || id >= tokenizer->vocab_size()) __builtin_trap();
    const std::string decoded = tokenizer->decode(ids);
    if (!decoded.empty() && decoded.back() == ' ') __builtin_trap();
    // Words that the cache has seen have the same ids.
    tokenizer->encode(text + "\n\n" + text, again);
    if (again.size() < ids.size()) __builtin_trap();
  }
  return 0;
}
