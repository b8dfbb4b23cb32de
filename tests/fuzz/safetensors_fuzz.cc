// Any bytes as a safetensors file: the header is refused with an Error, or every tensor lies inside
// the file and converts.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma::checkpoint;
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  try {
    const SafetensorsHeader header = parse_safetensors(file, "fuzz");
    for (const StoredTensor& tensor : header.tensors) {
      const auto bytes = file.subspan(header.data_begin)
                             .subspan(tensor.begin_byte, tensor.end_byte - tensor.begin_byte);
      std::vector<float> values(converts_to_f32(tensor.type) ? tensor.elements() : 0);
      if (!values.empty()) to_f32(tensor.type, bytes, values);
    }
  } catch (const stemma::Error& error) {
    if (error.code() != stemma::ErrorCode::corrupt) __builtin_trap();
  }
  return 0;
}
