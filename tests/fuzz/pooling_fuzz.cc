// Any bytes as the files of sentence-transformers, separated by NUL: modules.json, the pooling's
// config.json, sentence_bert_config.json. An Error, or a pooling that a model can use.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "infer/hidden_states.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t first = std::min(all.find('\0'), size);
  const std::size_t second = std::min(all.find('\0', std::min(first + 1, size)), size);
  const auto part = [&](std::size_t begin, std::size_t end) -> std::optional<std::string> {
    if (begin >= end) return std::nullopt;
    return std::string(all.substr(begin, end - begin));
  };
  ModelConfig config;
  config.context = 512;
  try {
    const auto pooling = infer::Pooling::of_files(
        [&](const std::string& name) {
          if (name == "modules.json") return part(0, first);
          if (name == "sentence_bert_config.json") return part(second + 1, size);
          return part(first + 1, second);
        },
        config);
    if (pooling.max_tokens < 1 || pooling.max_tokens > config.context) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported &&
        error.code() != ErrorCode::not_found)
      __builtin_trap();
  }
  return 0;
}
