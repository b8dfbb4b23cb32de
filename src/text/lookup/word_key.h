// A short string of up to 15 bytes packed into 128 bits, so that it is compared and hashed in a few
// instructions. It is the key of the room's hash tables and caches. Private to text/.
//
//   const WordKey key = WordKey::of(word, size, end_of_text);   // size <= kMaxWordBytes
//   slots[key.hash() >> 32 & mask]
//
// The bytes of the word come first, then zeros, and the last byte is the length. A caller that
// passes how far memory may be read (`end`) lets the key be loaded with one unaligned read of 16
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace stemma::lookup {

inline constexpr std::size_t kMaxWordBytes = 15;

// The bytes of a word, zeros behind them, and its length in the last byte.
struct WordKey {
  std::uint64_t low = 0, high = 0;

  // One comparison without a branch between the halves: the outcome is hard to predict.
  bool operator==(const WordKey& other) const {
    return ((low ^ other.low) | (high ^ other.high)) == 0;
  }

  // `end`: memory may be read up to here; at least the end of the word.
  static WordKey of(const char* word, std::size_t size, const char* end) {
    WordKey key;
    if (end - word >= 16) {
      std::memcpy(&key, word, 16);
      key.low &= kMasks[size].low;
      key.high &= kMasks[size].high;
    } else if (size >= 8) {
      key.low = load<std::uint64_t>(word);
      // Load the last 8 bytes and shift out the first 16 - size of them, which are in `low`
      // already.
      key.high = size == 8 ? 0 : load<std::uint64_t>(word + size - 8) >> 8 * (16 - size);
    } else if (size >= 4) {
      key.low = load<std::uint32_t>(word) | load<std::uint32_t>(word + size - 4) << 8 * (size - 4);
    } else if (size > 0) {
      key.low = load<std::uint8_t>(word) | load<std::uint8_t>(word + size / 2) << 8 * (size / 2) |
                load<std::uint8_t>(word + size - 1) << 8 * (size - 1);
    }
    key.high |= std::uint64_t{size} << 56;
    return key;
  }
  static WordKey of(std::string_view word) {
    return of(word.data(), word.size(), word.data() + word.size());
  }

  std::size_t size() const { return high >> 56 & kMaxWordBytes; }
  // A view into the key: it stays valid as long as the key, and 16 bytes may be read from it.
  std::string_view bytes() const { return {reinterpret_cast<const char*>(this), size()}; }
  // The byte at `offset` in the low bits, the next one in the bits above.
  unsigned two_bytes(std::size_t offset) const {
    return static_cast<unsigned>(bits() >> 8 * offset) & 0xFFFF;
  }
  // The key of the substring of `size` bytes from `begin` on.
  WordKey part(std::size_t begin, std::size_t size) const {
    const Bits bits = this->bits() >> 8 * begin;
    const Mask& mask = kMasks[size];
    return {static_cast<std::uint64_t>(bits) & mask.low,
            (static_cast<std::uint64_t>(bits >> 64) & mask.high) | std::uint64_t{size} << 56};
  }

  // The upper 32 bits depend on every byte of the word; the lowest bits do not.
  std::uint64_t hash() const {
    std::uint64_t mixed = low * 0x9E3779B97F4A7C15u + high * 0xC2B2AE3D27D4EB4Fu;
    mixed ^= mixed >> 32;
    return mixed * 0xD6E8FEB86659FD93u;
  }

 private:
  __extension__ using Bits = unsigned __int128;
  Bits bits() const { return Bits{high} << 64 | low; }

  // Widened to 64 bits, so that the caller can shift it.
  template <class Integer>
  static std::uint64_t load(const char* from) {
    Integer value = 0;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }

  struct Mask {
    std::uint64_t low = 0, high = 0;
  };
  struct Masks {
    Mask of_size[kMaxWordBytes + 1];
    constexpr Masks() {
      for (std::size_t size = 0; size <= kMaxWordBytes; ++size)
        for (std::size_t byte = 0; byte < size; ++byte)
          (byte < 8 ? of_size[size].low : of_size[size].high) |= std::uint64_t{0xFF}
                                                                 << 8 * (byte % 8);
    }
    constexpr const Mask& operator[](std::size_t size) const {
      return of_size[size & kMaxWordBytes];
    }
  };
  static const Masks kMasks;
};

inline constexpr WordKey::Masks WordKey::kMasks;

}  // namespace stemma::lookup
