// A 64-bit hash (XXH3-64) for checksums of files, for the split into training and validation data,
// and for names. It is not cryptographic: who chooses the input can choose the hash.
//
//   const std::uint64_t checksum = hash64(bytes);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stemma {

std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0);

}  // namespace stemma
