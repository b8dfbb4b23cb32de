#include "text/files/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace stemma::tokenizer_files {
namespace {

constexpr std::string_view kBase64Letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNoBase64 = 1u << 24;  // above the 24 bits of four letters

// What a letter adds to the bits of its group, by its place in the group: four letters are one look
// each and one test.
constexpr std::array<std::array<std::uint32_t, 256>, 4> kBase64Bits = [] {
  std::array<std::array<std::uint32_t, 256>, 4> bits{};
  for (std::size_t place = 0; place < 4; ++place) {
    bits[place].fill(kNoBase64);
    for (std::size_t i = 0; i < kBase64Letters.size(); ++i)
      bits[place][static_cast<unsigned char>(kBase64Letters[i])] =
          static_cast<std::uint32_t>(i << (18 - 6 * place));
  }
  return bits;
}();

std::uint32_t group_bits(const char* letters) {
  std::uint32_t bits = 0;
  for (std::size_t place = 0; place < 4; ++place)
    bits |= kBase64Bits[place][static_cast<unsigned char>(letters[place])];
  return bits;
}

}  // namespace

bool decode_base64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.empty()) return true;
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(text.size() / 4 * 3);
  char last[4];
  text.copy(last, 4, text.size() - 4);
  for (std::size_t i = 4 - padding; i < 4; ++i) last[i] = 'A';  // which adds no bits
  for (std::size_t group = 0; group < text.size() / 4; ++group) {
    const bool is_last = 4 * (group + 1) == text.size();
    const std::uint32_t bits = group_bits(is_last ? last : text.data() + 4 * group);
    if (bits >= kNoBase64) return false;
    bytes[3 * group] = static_cast<char>(bits >> 16);
    bytes[3 * group + 1] = static_cast<char>(bits >> 8);
    bytes[3 * group + 2] = static_cast<char>(bits);
  }
  bytes.resize(bytes.size() - padding);
  return true;
}

void append_base64(std::string_view bytes, std::string& text) {
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= group.size() ? kBase64Letters[bits >> (18 - 6 * i) & 63] : '=';
  }
}

}  // namespace stemma::tokenizer_files
