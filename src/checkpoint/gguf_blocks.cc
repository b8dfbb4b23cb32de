#include "checkpoint/gguf_blocks.h"

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/stored_type.h"

namespace stemma::checkpoint {
namespace {

constexpr int kSmallBlock = 32;   // elements of Q4_0 to Q8_0
constexpr int kSuperBlock = 256;  // elements of the K types

float half_at(const std::byte* bytes) {
  float value = 0;
  to_f32(StoredType::f16, {bytes, 2}, {&value, 1});
  return value;
}

int byte_at(const std::byte* bytes, int i) { return std::to_integer<int>(bytes[i]); }
int signed_at(const std::byte* bytes, int i) { return static_cast<std::int8_t>(bytes[i]); }
// Elements i and i + count / 2 share a byte of `count` / 2: its low and its high four bits.
int low_at(const std::byte* bytes, int i) { return byte_at(bytes, i) & 15; }
int high_at(const std::byte* bytes, int i) { return byte_at(bytes, i) >> 4; }
int bit_at(const std::byte* bytes, int i) { return byte_at(bytes, i / 8) >> (i % 8) & 1; }

// d f16, q int8 [32]:  y = d·q
void q8_0_block(const std::byte* block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < kSmallBlock; ++i) out[i] = d * static_cast<float>(signed_at(block + 2, i));
}

// d f16, q 4 bits [32]:  y = d·(q - 8)
void q4_0_block(const std::byte* block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < kSmallBlock / 2; ++i) {
    out[i] = d * static_cast<float>(low_at(block + 2, i) - 8);
    out[i + kSmallBlock / 2] = d * static_cast<float>(high_at(block + 2, i) - 8);
  }
}

// d f16, m f16, q 4 bits [32]:  y = d·q + m
void q4_1_block(const std::byte* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int i = 0; i < kSmallBlock / 2; ++i) {
    out[i] = d * static_cast<float>(low_at(block + 4, i)) + m;
    out[i + kSmallBlock / 2] = d * static_cast<float>(high_at(block + 4, i)) + m;
  }
}

// d f16, fifth bits [32], q 4 bits [32]:  y = d·(q - 16)
void q5_0_block(const std::byte* block, float* out) {
  const float d = half_at(block);
  const std::byte *fifth = block + 2, *q = block + 6;
  for (int i = 0; i < kSmallBlock / 2; ++i) {
    const int j = i + kSmallBlock / 2;
    out[i] = d * static_cast<float>((low_at(q, i) | bit_at(fifth, i) << 4) - 16);
    out[j] = d * static_cast<float>((high_at(q, i) | bit_at(fifth, j) << 4) - 16);
  }
}

// d f16, m f16, fifth bits [32], q 4 bits [32]:  y = d·q + m
void q5_1_block(const std::byte* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  const std::byte *fifth = block + 4, *q = block + 8;
  for (int i = 0; i < kSmallBlock / 2; ++i) {
    const int j = i + kSmallBlock / 2;
    out[i] = d * static_cast<float>(low_at(q, i) | bit_at(fifth, i) << 4) + m;
    out[j] = d * static_cast<float>(high_at(q, i) | bit_at(fifth, j) << 4) + m;
  }
}

// The scale and offset, 6 bits each, of group g of 8. Of the 12 bytes the first four hold the
// scales of groups 0 to 3, the next four their offsets; the last four hold the low 4 bits of scale
// and offset of groups 4 to 7, whose upper 2 bits are the upper bits of the first eight bytes.
struct GroupScale {
  int scale, offset;
};

GroupScale group_scale(const std::byte* packed, int g) {
  if (g < 4) return {byte_at(packed, g) & 63, byte_at(packed, g + 4) & 63};
  return {low_at(packed, g + 4) | byte_at(packed, g - 4) >> 6 << 4,
          high_at(packed, g + 4) | byte_at(packed, g) >> 6 << 4};
}

// d f16, m f16, 8 scales and offsets (12 bytes), q 4 bits [256]:  y = d·scale·q - m·offset
// Groups of 32; two of them share 32 bytes.
void q4_k_block(const std::byte* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int g = 0; g < 8; ++g) {
    const GroupScale group = group_scale(block + 4, g);
    const float scale = d * static_cast<float>(group.scale);
    const float offset = m * static_cast<float>(group.offset);
    const std::byte* q = block + 16 + g / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      const int four = g % 2 ? high_at(q, i) : low_at(q, i);
      out[g * 32 + i] = scale * static_cast<float>(four) - offset;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits before q: bit g of byte i belongs to element i of group g.
void q5_k_block(const std::byte* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  const std::byte* fifth = block + 16;
  for (int g = 0; g < 8; ++g) {
    const GroupScale group = group_scale(block + 4, g);
    const float scale = d * static_cast<float>(group.scale);
    const float offset = m * static_cast<float>(group.offset);
    const std::byte* q = block + 48 + g / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      const int four = g % 2 ? high_at(q, i) : low_at(q, i);
      const int five = four | (byte_at(fifth, i) >> g & 1) << 4;
      out[g * 32 + i] = scale * static_cast<float>(five) - offset;
    }
  }
}

// Low 4 bits [256], upper 2 bits [256], 16 scales int8, d f16:  y = d·scale·(q - 32)
// In each half of 128 elements, i and i + 64 share a byte of low bits, and i, i + 32, i + 64 and
// i + 96 a byte of upper bits.
void q6_k_block(const std::byte* block, float* out) {
  const std::byte* scales = block + 192;
  const float d = half_at(block + 208);
  for (int e = 0; e < kSuperBlock; ++e) {
    const int half = e / 128, i = e % 128;
    const std::byte* low = block + half * 64;
    const std::byte* upper = block + 128 + half * 32;
    const int four = i < 64 ? low_at(low, i) : high_at(low, i - 64);
    const int two = byte_at(upper, i % 32) >> i / 32 * 2 & 3;
    const float scale = d * static_cast<float>(signed_at(scales, e / 16));
    out[e] = scale * static_cast<float>((four | two << 4) - 32);
  }
}

template <StoredType kType, std::size_t kBytes>
void plain_values(const std::byte* in, std::size_t count, float* out) {
  to_f32(kType, {in, count * kBytes}, {out, count});
}

template <auto kBlock, std::size_t kElements, std::size_t kBytes>
void each_block(const std::byte* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) kBlock(in + i * kBytes, out + i * kElements);
}

template <auto kBlock, std::size_t kElements, std::size_t kBytes>
constexpr BlockType blocks(std::uint32_t number, std::string_view name) {
  return {number, name, kElements, kBytes, each_block<kBlock, kElements, kBytes>};
}

// Q8_1 and Q8_K are missing: ggml has them for intermediate results, no file holds them.
constexpr BlockType kBlockTypes[] = {
    {kF32Blocks, "F32", 1, 4, plain_values<StoredType::f32, 4>},
    {kF16Blocks, "F16", 1, 2, plain_values<StoredType::f16, 2>},
    {kBf16Blocks, "BF16", 1, 2, plain_values<StoredType::bf16, 2>},
    blocks<q8_0_block, 32, 34>(8, "Q8_0"),
    blocks<q4_0_block, 32, 18>(2, "Q4_0"),
    blocks<q4_1_block, 32, 20>(3, "Q4_1"),
    blocks<q5_0_block, 32, 22>(6, "Q5_0"),
    blocks<q5_1_block, 32, 24>(7, "Q5_1"),
    blocks<q4_k_block, 256, 144>(12, "Q4_K"),
    blocks<q5_k_block, 256, 176>(13, "Q5_K"),
    blocks<q6_k_block, 256, 210>(14, "Q6_K"),
    {10, "Q2_K", 256, 84, nullptr},
    {11, "Q3_K", 256, 110, nullptr},
    {16, "IQ2_XXS", 256, 66, nullptr},
    {17, "IQ2_XS", 256, 74, nullptr},
    {18, "IQ3_XXS", 256, 98, nullptr},
    {19, "IQ1_S", 256, 50, nullptr},
    {20, "IQ4_NL", 32, 18, nullptr},
    {21, "IQ3_S", 256, 110, nullptr},
    {22, "IQ2_S", 256, 82, nullptr},
    {23, "IQ4_XS", 256, 136, nullptr},
    {24, "I8", 1, 1, nullptr},
    {25, "I16", 1, 2, nullptr},
    {26, "I32", 1, 4, nullptr},
    {27, "I64", 1, 8, nullptr},
    {28, "F64", 1, 8, nullptr},
    {29, "IQ1_M", 256, 56, nullptr},
    {34, "TQ1_0", 256, 54, nullptr},
    {35, "TQ2_0", 256, 66, nullptr},
    {39, "MXFP4", 32, 17, nullptr},
    {40, "NVFP4", 64, 36, nullptr},
    {41, "Q1_0", 128, 18, nullptr},
};

}  // namespace

const BlockType* block_type(std::uint32_t number) {
  for (const BlockType& type : kBlockTypes)
    if (type.number == number) return &type;
  return nullptr;
}

std::string readable_block_types() {
  std::string names;
  for (const BlockType& type : kBlockTypes)
    if (type.readable()) names += fmt::format("{}{}", names.empty() ? "" : ", ", type.name);
  return names;
}

void dequantise(const BlockType& type, std::span<const std::byte> blocks, std::span<float> out) {
  if (!type.readable())
    throw Error(ErrorCode::unsupported,
                fmt::format("[gguf] blocks of type {} cannot be read, only {}", type.name,
                            readable_block_types()));
  const std::size_t count = blocks.size() / type.bytes;
  if (blocks.size() % type.bytes != 0 || out.size() % type.elements != 0 ||
      out.size() / type.elements != count)
    throw Error(ErrorCode::internal, fmt::format("[gguf] {} bytes of {} are not {} values",
                                                 blocks.size(), type.name, out.size()));
  if (count > 0) type.convert(blocks.data(), count, out.data());
}

}  // namespace stemma::checkpoint
