// Any bytes as config.json: an Error, or a configuration that is written and read again as it is.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/config_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  checkpoint::ConfigFile model;
  try {
    model = checkpoint::parse_config(Json::parse(text, "fuzz"), "fuzz");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
    return 0;
  }
  const std::string written = checkpoint::to_config_json(model).dump();
  const auto again = checkpoint::parse_config(Json::parse(written, "written"), "written");
  if (checkpoint::to_config_json(again).dump() != written) __builtin_trap();
  return 0;
}
