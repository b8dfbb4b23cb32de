#include "text/unicode/byte_alphabet.h"

#include "text/unicode/utf8.h"

namespace stemma::unicode {
namespace {

constexpr bool prints_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr int kOthers = 68;  // bytes that do not print themselves: U+0100 to U+0143

struct Alphabet {
  std::array<std::uint8_t, 256> order{};
  std::array<char16_t, 256> character{};
  std::array<std::uint8_t, kOthers> other{};  // the byte of U+0100 + i
};

constexpr Alphabet kAlphabet = [] {
  Alphabet alphabet;
  int printed = 0, others = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    if (prints_itself(byte)) {
      alphabet.order[printed++] = value;
      alphabet.character[byte] = static_cast<char16_t>(byte);
    } else {
      alphabet.character[byte] = static_cast<char16_t>(0x100 + others);
      alphabet.other[others++] = value;
    }
  }
  for (int i = 0; i < others; ++i) alphabet.order[printed + i] = alphabet.other[i];
  return alphabet;
}();

}  // namespace

const std::array<std::uint8_t, 256>& byte_alphabet_order() { return kAlphabet.order; }

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 2);
  for (const char byte : bytes) {
    const unsigned c = kAlphabet.character[static_cast<unsigned char>(byte)];
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else {
      text += static_cast<char>(0xC0 | c >> 6);
      text += static_cast<char>(0x80 | (c & 0x3F));
    }
  }
  return text;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    char32_t c = 0;
    const std::size_t length = decode_utf8(text, c);
    if (length == 0 || c >= 0x100 + kOthers) return std::nullopt;
    if (c >= 0x100) {
      bytes += static_cast<char>(kAlphabet.other[c - 0x100]);
    } else if (prints_itself(static_cast<int>(c))) {
      bytes += static_cast<char>(c);
    } else {
      return std::nullopt;
    }
    text.remove_prefix(length);
  }
  return bytes;
}

}  // namespace stemma::unicode
