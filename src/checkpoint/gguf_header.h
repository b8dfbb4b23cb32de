// What a GGUF file says before its tensors' bytes: metadata, and where each tensor lies. Every
// count, length and offset is checked against the size of the file before it is believed, so no
// claim of a hostile file reserves memory that the file's own bytes do not account for.
//
//   const GgufHeader header = parse_gguf(mapped.bytes(), "model.gguf");
//   header.metadata.string("general.architecture");
//   header.tensors[0].shape;                                  // Shape{49152, 576}
//
// The format (ggml-org/ggml, docs/gguf.md), versions 2 and 3, little endian:
//   "GGUF", u32 version, u64 tensors, u64 keys;
//   keys:     string, u32 type, value         a string is a u64 length and its bytes,
//                                             an array u32 type, u64 count and its elements
//   tensors:  string, u32 dimensions, u64 sizes, innermost first, u32 type, u64 offset
//   padding to general.alignment (32 where the key is missing), then the tensors' bytes, to whose
//   begin the offsets count.
// Offsets must be multiples of the alignment and the ranges must not overlap; holes are allowed.
//
// Errors name the file and the key or the tensor: corrupt (a check of the format failed),
// unsupported (well formed, but not read here: another version, big endian, arrays of arrays, a
// type of tensor of which not even the size is known).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/gguf_blocks.h"
#include "checkpoint/gguf_metadata.h"
#include "tensor/tensor.h"

namespace stemma::checkpoint {

struct GgufTensor {
  std::string name;
  Shape shape;                                 // outermost first: the file's sizes reversed
  const BlockType* type = nullptr;             // a row is whole blocks
  std::uint64_t begin_byte = 0, end_byte = 0;  // of the file
};

struct GgufHeader {
  std::uint32_t version = 0;
  std::uint64_t alignment = 0;
  GgufMetadata metadata;            // views of the file's memory
  std::vector<GgufTensor> tensors;  // in the order of the file's list
};

// Checks a whole file in memory. `where` names it in errors. Throws corrupt, unsupported.
GgufHeader parse_gguf(std::span<const std::byte> file, std::string_view where);

}  // namespace stemma::checkpoint
