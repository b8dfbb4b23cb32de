// Any bytes as generation_config.json: an Error, or settings within their ranges.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/generation_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto config = checkpoint::parse_generation_config(Json::parse(text, "fuzz"), "fuzz");
    if (config.temperature && !(*config.temperature >= 0 && *config.temperature <= 100))
      __builtin_trap();
    if (config.top_k && *config.top_k < 0) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) __builtin_trap();
  }
  return 0;
}
