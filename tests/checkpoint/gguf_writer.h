// Writes GGUF files byte by byte, as the format describes them and without any check: what the
// tests of gguf.h and of what reads such files begin with.
//
//   GgufBytes file;
//   file.key("general.architecture", kString, text("llama"));
//   file.tensor("w", {4}, kF32Type, 0);  // sizes innermost first, type, offset
//   file.data = std::string(16, '\0');
//   put(path, file.bytes());
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::checkpoint::testing {

// The types of values, by their numbers in the file.
inline constexpr std::uint32_t kU8 = 0, kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8,
                               kArray = 9, kU64 = 10, kI64 = 11;
// The types of tensors.
inline constexpr std::uint32_t kF32Type = 0, kF16Type = 1, kQ4_0Type = 2, kQ6_KType = 14,
                               kI32Type = 26, kBf16Type = 30;

template <class T>
std::string little(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string u32(std::uint32_t value) { return little(value); }
inline std::string u64(std::uint64_t value) { return little(value); }
inline std::string text(std::string_view value) { return u64(value.size()) + std::string(value); }

// Written by gguf-py, llama.cpp's own package: see scripts/peers/make_gguf_golden.py.
inline std::filesystem::path gguf_fixture() {
  return std::filesystem::path(STEMMA_SOURCE_DIR) / "tests/checkpoint/fixtures/blocks.gguf";
}

struct GgufBytes {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t keys = 0, tensors = 0;  // as the header claims
  std::string key_list, tensor_list;
  std::uint64_t alignment = 32;  // of the data
  std::string data;

  GgufBytes& key(std::string_view name, std::uint32_t type, std::string_view value) {
    ++keys;
    key_list.append(text(name)).append(u32(type)).append(value);
    return *this;
  }

  GgufBytes& tensor(std::string_view name, const std::vector<std::uint64_t>& sizes,
                    std::uint32_t type, std::uint64_t offset) {
    ++tensors;
    tensor_list.append(text(name)).append(u32(static_cast<std::uint32_t>(sizes.size())));
    for (const std::uint64_t size : sizes) tensor_list += u64(size);
    tensor_list.append(u32(type)).append(u64(offset));
    return *this;
  }

  GgufBytes& bytes_of_data(std::size_t count) {
    data.assign(count, '\x01');
    return *this;
  }

  std::string bytes() const {
    std::string all = magic + u32(version) + u64(tensors) + u64(keys) + key_list + tensor_list;
    if (!data.empty()) all.resize((all.size() + alignment - 1) / alignment * alignment, '\0');
    return all + data;
  }
};

}  // namespace stemma::checkpoint::testing
