#include "text/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace stemma {
namespace {

constexpr std::string_view kBase64Letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNoBase64 = 1u << 24;  // above the 24 bits of four letters

constexpr std::array<std::uint32_t, 256> kBase64Values = [] {
  std::array<std::uint32_t, 256> values{};
  values.fill(kNoBase64);
  for (std::size_t i = 0; i < kBase64Letters.size(); ++i)
    values[static_cast<unsigned char>(kBase64Letters[i])] = static_cast<std::uint32_t>(i);
  return values;
}();

}  // namespace

bool decode_base64(std::string_view text, std::string& bytes) {
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(text.size() / 4 * 3);
  for (std::size_t group = 0; group < text.size() / 4; ++group) {
    const bool last = 4 * (group + 1) == text.size();
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const char letter = text[4 * group + i];
      const bool is_padding = last && i >= 4 - padding;
      const std::uint32_t value =
          is_padding ? 0 : kBase64Values[static_cast<unsigned char>(letter)];
      if (value == kNoBase64) return false;
      bits = bits << 6 | value;
    }
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

}  // namespace stemma
