// Reading safetensors files: memory-mapped, every byte of the header checked before it is believed.
//
//   SafetensorsReader file("model.safetensors");
//   Tensor bias = file.read(file.at("transformer.ln_f.bias"), Memory::own);
//
// The format (huggingface/safetensors): u64 little-endian header size n; n bytes of JSON
//   {"__metadata__": {"format": "pt"}, "name": {"dtype": "F32", "shape": [2, 3],
//    "data_offsets": [begin, end]}, ...}
// padded with spaces; then the tensors, row-major, offsets counted from the end of the header. The
// ranges must cover the rest of the file without holes or overlaps.
//
// A reader is immutable and may be used from several threads. Errors name the file, the tensor and
// what is wrong: not_found (no such file), corrupt (a check of the format failed), unsupported (an
// element type or rank that nothing here can use).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "checkpoint/stored_type.h"
#include "tensor/tensor.h"

namespace stemma::checkpoint {

// Where a tensor that was read lies.
enum class Memory : std::uint8_t {
  shared,  // in the mapped file where its bytes can be used as they are: must not be written
  own,     // in memory of its own: what training needs
};

struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;             // any number of dimensions
  std::uint64_t begin_byte = 0, end_byte = 0;  // within the data part of the file

  std::uint64_t elements() const;
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;  // in the order of their bytes
  Metadata metadata;
  std::uint64_t data_begin = 0;  // of the file
};

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

// Checks a whole file in memory. `where` names it in errors. Throws corrupt.
SafetensorsHeader parse_safetensors(std::span<const std::byte> file, std::string_view where);

class SafetensorsReader {
 public:
  // Throws not_found, corrupt.
  explicit SafetensorsReader(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<StoredTensor>& tensors() const { return header_.tensors; }
  const Metadata& metadata() const { return header_.metadata; }

  // Null / throws not_found where the file has no such tensor.
  const StoredTensor* find(std::string_view name) const;
  const StoredTensor& at(std::string_view name) const;

  std::span<const std::byte> bytes(const StoredTensor& tensor) const;
  // The values as f32, in the file's shape. Throws unsupported: more than 4 dimensions, or a type
  // that does not convert.
  Tensor read(const StoredTensor& tensor, Memory memory) const;
  // The same in the encoding of the file where that is f32, bf16 or f16, otherwise as f32.
  Tensor read_stored(const StoredTensor& tensor, Memory memory) const;
  // After a copy was made of it (base/file.h).
  void forget(const StoredTensor& tensor) const { file_->forget(bytes(tensor)); }

 private:
  void require_readable(const StoredTensor& tensor) const;
  // The bytes of a tensor that is stored in `type`, shared or copied.
  Tensor read_as(DType type, const StoredTensor& tensor, Memory memory) const;

  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> file_;  // also held by tensors that share its bytes
  SafetensorsHeader header_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

// "[2, 3]"; a name in quotes, without control characters and not endless: for messages about files
// that cannot be trusted.
std::string shape_text(std::span<const std::int64_t> shape);
std::string in_quotes(std::string_view name);

}  // namespace stemma::checkpoint
