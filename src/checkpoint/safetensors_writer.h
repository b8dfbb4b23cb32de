// Writing safetensors files, whole or absent (base/file.h, AtomicFile).
//
//   write_safetensors("optimizer.safetensors", {{"m", m}, {"v", v}});
//
// The header is padded to 64 bytes (a multiple of the 8 that the format's own writer keeps) and
// wider types come first, so every tensor of a mapped file lies aligned. Nothing is held twice:
// rows go to the file as they are, transposed matrices in small blocks.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "checkpoint/safetensors.h"
#include "tensor/tensor.h"

namespace stemma::checkpoint {

struct NamedTensor {
  std::string name;
  Tensor tensor;            // f32, bf16, f64 or i32; rows may have a stride
  bool transposed = false;  // [A, B] f32 is written as [B, A]
};

// Metadata that PyTorch's loaders expect.
inline const Metadata& pytorch_metadata() {
  static const Metadata metadata = {{"format", "pt"}};
  return metadata;
}

// Throws invalid_argument (a name twice, empty or "__metadata__"; a tensor that cannot be written)
// before anything is written, and device (no space, I/O error).
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata = pytorch_metadata());

// Reads a written file again and compares every byte with the tensors. Throws device where one
// differs, corrupt where the file does not parse.
void verify_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors);

}  // namespace stemma::checkpoint
