#include "text/cleaning/mojibake_bytes.h"

#include <algorithm>
#include <cstddef>

#include "text/unicode/utf8.h"

namespace stemma::cleaning {
namespace {

constexpr unsigned char kSubstitute = 0x1A;
constexpr std::string_view kReplacementBytes = "\xEF\xBF\xBD";

class SequenceBytes {
 public:
  SequenceBytes(std::string_view bytes, std::size_t place) : bytes_(bytes.substr(place)) {}

  // 0, a byte of no sequence, behind the end.
  unsigned char operator[](std::size_t i) const {
    return i < bytes_.size() ? static_cast<unsigned char>(bytes_[i]) : 0;
  }
  std::string_view rest(std::size_t i) const { return bytes_.substr(std::min(i, bytes_.size())); }

 private:
  std::string_view bytes_;
};

bool byte_in_range(unsigned char byte, int first, int last) {
  return byte >= first && byte <= last;
}
bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Replaces each sequence that `length_of` finds by what `append(out, sequence)` makes of it.
template <class Length, class Append>
void replace_sequences(std::string& bytes, Length length_of, Append append) {
  std::string result;
  std::size_t copied = 0;
  for (std::size_t place = 0; place < bytes.size();) {
    const std::size_t length = length_of(SequenceBytes(bytes, place));
    if (length == 0) {
      ++place;
      continue;
    }
    result.append(bytes, copied, place - copied);
    append(result, std::string_view(bytes).substr(place, length));
    place += length;
    copied = place;
  }
  if (copied == 0) return;
  result.append(bytes, copied);
  bytes = std::move(result);
}

// "à" as a word of its own lost its second byte to the space that follows it.
std::size_t a_grave_length(const SequenceBytes& at) {
  if (at[0] != 0xC3 || at[1] != ' ') return 0;
  for (const std::string_view word : {" ", "quele", "quela", "quilo", "s "})
    if (at.rest(2).starts_with(word)) return 0;
  return 2;
}

// A sequence with a space for A0. Which leads count was chosen by what characters they give: no
// three bytes with 85, which is an ellipsis more often, and no lead that gives rare scripts.
std::size_t altered_length(const SequenceBytes& at) {
  const unsigned char lead = at[0];
  const auto follows = [&](std::size_t i) {
    return is_continuation(at[i]) && at[i] != 0x85 && at[i] != 0xA0;
  };
  if (lead == 0xC2 || lead == 0xC3 || lead == 0xC5 || lead == 0xCE || lead == 0xD0 || lead == 0xD9)
    return at[1] == ' ' ? 2 : 0;
  if (byte_in_range(lead, 0xE0, 0xE3)) {
    if (lead >= 0xE2 && at[1] == ' ' && follows(2)) return 3;
    return follows(1) && at[2] == ' ' ? 3 : 0;
  }
  if (lead != 0xF0) return 0;
  int spaces = 0;
  for (std::size_t i = 1; i <= 3; ++i) {
    if (at[i] == ' ')
      ++spaces;
    else if (!is_continuation(at[i]))
      return 0;
  }
  return spaces == 1 ? 4 : 0;
}

bool is_lost(unsigned char byte) { return byte == kSubstitute || byte == '?'; }
bool continuation_or_lost(unsigned char byte) { return is_continuation(byte) || is_lost(byte); }

// A pair of surrogates as CESU-8 writes it, in which a last byte was lost.
bool is_lossy_surrogate_pair(const SequenceBytes& at) {
  return at[0] == 0xED && byte_in_range(at[1], 0xA0, 0xAF) && continuation_or_lost(at[2]) &&
         at[3] == 0xED && byte_in_range(at[4], 0xB0, 0xBF) && continuation_or_lost(at[5]) &&
         (is_lost(at[2]) || is_lost(at[5]));
}

std::size_t lossy_length(const SequenceBytes& at) {
  const unsigned char lead = at[0];
  if (lead == kSubstitute) return 1;
  if (byte_in_range(lead, 0xC2, 0xDF))
    return at[1] == kSubstitute || (lead <= 0xC3 && at[1] == '?') ? 2 : 0;
  if (is_lossy_surrogate_pair(at)) return 6;
  const std::size_t length = byte_in_range(lead, 0xE0, 0xEF)   ? 3
                             : byte_in_range(lead, 0xF0, 0xF4) ? 4
                                                               : 0;
  int lost = 0, question_marks = 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!continuation_or_lost(at[i])) return 0;
    lost += is_lost(at[i]) ? 1 : 0;
    question_marks += at[i] == '?' ? 1 : 0;
  }
  return lost > 0 && question_marks <= 1 ? length : 0;
}

struct VariantCharacter {
  std::size_t length = 0;
  char32_t c = 0;
};

// ftfy's expressions end with $, which Python also finds before a line feed that ends the text: a
// line feed then counts as the missing last byte.
bool continuation_or_end(const SequenceBytes& at, std::size_t i) {
  return is_continuation(at[i]) || (at[i] == '\n' && at.rest(i).size() == 1);
}

// The character of a sequence that UTF-8 does not allow; length 0 where there is none.
VariantCharacter variant_at(const SequenceBytes& at) {
  if (at[0] == 0xC0)
    return at[1] == 0x80 || (at[1] == '\n' && at.rest(1).size() == 1) ? VariantCharacter{2, 0}
                                                                      : VariantCharacter{};
  if (at[0] != 0xED || !byte_in_range(at[1], 0xA0, 0xAF) || !is_continuation(at[2]) ||
      at[3] != 0xED || !byte_in_range(at[4], 0xB0, 0xBF) || !continuation_or_end(at, 5))
    return {};
  const char32_t bits =
      (at[1] & 0x0Fu) << 16 | (at[2] & 0x3Fu) << 10 | (at[4] & 0x0Fu) << 6 | (at[5] & 0x3Fu);
  return {6, 0x10000 + bits};
}

}  // namespace

void restore_byte_a0(std::string& bytes) {
  replace_sequences(bytes, a_grave_length,
                    [](std::string& out, std::string_view) { out += "\xC3\xA0 "; });
  replace_sequences(bytes, altered_length, [](std::string& out, std::string_view sequence) {
    for (const char byte : sequence) out.push_back(byte == ' ' ? '\xA0' : byte);
  });
}

void replace_lossy_sequences(std::string& bytes) {
  replace_sequences(bytes, lossy_length,
                    [](std::string& out, std::string_view) { out += kReplacementBytes; });
}

std::optional<std::u32string> decode_utf8_variants(std::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    char32_t c = 0;
    std::size_t length = unicode::decode_utf8(bytes, c);
    if (length == 0) {
      const VariantCharacter variant = variant_at(SequenceBytes(bytes, 0));
      if (variant.length == 0) return std::nullopt;
      length = variant.length;
      c = variant.c;
    }
    text.push_back(c);
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace stemma::cleaning
