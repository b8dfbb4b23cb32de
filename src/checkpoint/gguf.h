// Reading GGUF files, the model container of llama.cpp: memory-mapped, checked as
// gguf_header.h describes, tensors converted to f32 or handed out as they lie.
//
//   GgufReader file("SmolLM2-135M-Instruct.Q4_1.gguf");
//   file.metadata().integer("llama.block_count");
//   Tensor norm = file.read(file.at("output_norm.weight"), Memory::own);
//
// A reader is immutable and may be used from several threads. Errors name the file and the key or
// the tensor: not_found (no such file, key or tensor), corrupt (a check of the format failed),
// unsupported (well formed, but not read here).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "checkpoint/gguf_header.h"
#include "checkpoint/gguf_metadata.h"
#include "checkpoint/safetensors.h"
#include "tensor/tensor.h"

namespace stemma::checkpoint {

class GgufReader {
 public:
  // Throws not_found, corrupt, unsupported.
  explicit GgufReader(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const GgufMetadata& metadata() const { return header_.metadata; }
  const std::vector<GgufTensor>& tensors() const { return header_.tensors; }
  std::uint32_t version() const { return header_.version; }

  // Null / throws not_found where the file has no such tensor.
  const GgufTensor* find(std::string_view name) const;
  const GgufTensor& at(std::string_view name) const;

  std::span<const std::byte> bytes(const GgufTensor& tensor) const;
  // Memory::own: the values as f32. Memory::shared: F32, BF16 and F16 as they lie in the file,
  // without a copy where they are aligned; every other type as f32 in memory of its own.
  // Throws unsupported where the type is not readable.
  Tensor read(const GgufTensor& tensor, Memory memory) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> file_;  // also held by tensors that share its bytes
  GgufHeader header_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace stemma::checkpoint
