#include "checkpoint/gguf.h"

#include <cstring>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::checkpoint {

GgufReader::GgufReader(const std::filesystem::path& path)
    : path_(path),
      file_(std::make_shared<const MappedFile>(path)),
      header_(parse_gguf(file_->bytes(), path.string())) {
  for (std::size_t i = 0; i < header_.tensors.size(); ++i)
    index_.emplace(header_.tensors[i].name, i);
}

const GgufTensor* GgufReader::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &header_.tensors[found->second];
}

const GgufTensor& GgufReader::at(std::string_view name) const {
  if (const GgufTensor* tensor = find(name)) return *tensor;
  throw Error(ErrorCode::not_found, fmt::format("[gguf] {}: there is no tensor {} in it",
                                                path_.string(), in_quotes(name)));
}

std::span<const std::byte> GgufReader::bytes(const GgufTensor& tensor) const {
  return file_->bytes().subspan(tensor.begin_byte, tensor.end_byte - tensor.begin_byte);
}

Tensor GgufReader::read(const GgufTensor& tensor, Memory memory) const {
  if (!tensor.type->readable())
    throw Error(
        ErrorCode::unsupported,
        fmt::format("[gguf] {}: tensor {} is of type {}, which cannot be read; quantise the "
                    "model to one of {}",
                    path_.string(), in_quotes(tensor.name), tensor.type->name,
                    readable_block_types()));
  const std::span<const std::byte> raw = bytes(tensor);
  const std::uint32_t number = tensor.type->number;
  if (memory == Memory::shared &&
      (number == kF32Blocks || number == kBf16Blocks || number == kF16Blocks)) {
    const DType dtype = number == kBf16Blocks  ? DType::bf16
                        : number == kF16Blocks ? DType::f16
                                               : DType::f32;
    if (reinterpret_cast<std::uintptr_t>(raw.data()) % size_of(dtype) == 0) {
      // Storage is untyped and writable; the contract of Memory::shared is what forbids writing.
      auto* data = const_cast<std::byte*>(raw.data());
      return Tensor::in(StorageRef(borrow(data, raw.size(), file_)), 0, tensor.shape, dtype);
    }
    Tensor copy = Tensor::empty(tensor.shape, dtype);
    std::memcpy(copy.raw(), raw.data(), raw.size());
    return copy;
  }
  Tensor values = Tensor::empty(tensor.shape, DType::f32);
  dequantise(*tensor.type, raw,
             {values.data<float>(), static_cast<std::size_t>(values.elements())});
  return values;
}

}  // namespace stemma::checkpoint
