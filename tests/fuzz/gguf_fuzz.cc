// Any bytes as a GGUF file: refused with an Error, or all metadata can be asked for, every
// tensor lies inside the file and converts, and a tokenizer encodes.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/gguf_header.h"
#include "checkpoint/gguf_tokenizer.h"

namespace {

using namespace stemma::checkpoint;

void read_array(const GgufMetadata& metadata, const std::string& key, const GgufValue& value) {
  std::size_t count = 0;
  if (value.type == GgufType::string)
    for (const std::string_view text : metadata.strings(key))
      count += std::string(text).size() == text.size();
  else if (value.type == GgufType::boolean)
    count = metadata.booleans(key).size();
  else if (value.type == GgufType::f32 || value.type == GgufType::f64)
    count = metadata.floats(key).size();
  else
    count = metadata.integers(key).size();
  if (count != value.count) __builtin_trap();
}

void read_scalar(const GgufMetadata& metadata, const std::string& key, const GgufValue& value) {
  if (value.type == GgufType::string)
    (void)std::string(metadata.string(key));
  else if (value.type == GgufType::boolean)
    (void)metadata.boolean(key);
  else if (value.type == GgufType::f32 || value.type == GgufType::f64)
    (void)metadata.floating(key);
  else
    (void)metadata.integer(key);
}

void read_tokenizer(const GgufMetadata& metadata) {
  const auto tokenizer = tokenizer_of(metadata);
  std::vector<std::int32_t> ids;
  const std::string text = "In 1984  (\x04)\n\n<|im_end|>";
  tokenizer->encode(text, ids);
  if (tokenizer->keeps_bytes() && tokenizer->decode(ids) != text) __builtin_trap();
}

// Only what is refused for good reason: damage, a number beyond an int64, a key that a tokenizer
// needs.
template <class Call>
void refused_or_done(Call&& call) {
  try {
    call();
  } catch (const stemma::Error& error) {
    const bool expected = error.code() == stemma::ErrorCode::corrupt ||
                          error.code() == stemma::ErrorCode::unsupported ||
                          error.code() == stemma::ErrorCode::not_found;
    if (!expected) __builtin_trap();
  }
}

void read_all(std::span<const std::byte> file) {
  const GgufHeader header = parse_gguf(file, "fuzz");
  if (header.metadata.find("tokenizer.ggml.model") != nullptr)
    refused_or_done([&] { read_tokenizer(header.metadata); });
  for (const auto& [key, value] : header.metadata.entries())
    refused_or_done([&, &key = key, &value = value] {
      (void)value.describe();
      value.is_array ? read_array(header.metadata, key, value)
                     : read_scalar(header.metadata, key, value);
    });
  for (const GgufTensor& tensor : header.tensors) {
    const auto bytes = file.subspan(tensor.begin_byte, tensor.end_byte - tensor.begin_byte);
    std::vector<float> values(static_cast<std::size_t>(tensor.shape.elements()));
    refused_or_done([&] { dequantise(*tensor.type, bytes, values); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  refused_or_done([&] { read_all(std::as_bytes(std::span(data, size))); });
  return 0;
}
