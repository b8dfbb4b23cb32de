// The element types of GGUF tensors, and their conversion to f32.
//
// A row of a quantised tensor is a sequence of blocks: a number of elements that share a scale (and
// an offset), in a fixed number of bytes. The plain types F32, F16 and BF16 are blocks of one.
//
//   const BlockType* type = block_type(2);                   // Q4_0: 32 elements in 18 bytes
//   std::vector<float> row(64);
//   dequantise(*type, bytes.first(36), row);
//
// Where the formula multiplies, the factors are so short that the f32 product is exact; the sum of
// scaled value and offset rounds once. So every machine gives the same bits, those of ggml.
//
// Source: ggml-org/ggml, src/ggml-common.h (layouts), src/ggml-quants.c (formulas).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace stemma::checkpoint {

struct BlockType {
  std::uint32_t number;    // in the file
  std::string_view name;   // "Q4_0"
  std::uint64_t elements;  // of a block
  std::uint64_t bytes;     // of a block
  // Converts `count` blocks to count · elements values. Null: only the size is known here.
  void (*convert)(const std::byte* blocks, std::size_t count, float* out);

  bool readable() const { return convert != nullptr; }
};

inline constexpr std::uint32_t kF32Blocks = 0, kF16Blocks = 1, kBf16Blocks = 30;

// By the number in the file; null for one that ggml does not store tensors in.
const BlockType* block_type(std::uint32_t number);
// "F32, F16, BF16, Q8_0, ...": what dequantise() reads, for messages.
std::string readable_block_types();

// Converts whole blocks, which may lie unaligned. Throws unsupported where the type is not
// readable, internal where `blocks` and `out` do not hold the same number of whole blocks.
void dequantise(const BlockType& type, std::span<const std::byte> blocks, std::span<float> out);

}  // namespace stemma::checkpoint
