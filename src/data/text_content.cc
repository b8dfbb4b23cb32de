#include "data/text_content.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/placeholder.h"

namespace stemma {
namespace {

using std::string_view_literals::operator""sv;

struct Mark {
  std::string_view bytes;
  TextEncoding encoding;
};
// Byte-order marks; those of UTF-32 begin with those of UTF-16.
constexpr std::array kMarks = {
    Mark{"\xFF\xFE\0\0"sv, TextEncoding::utf32_le}, Mark{"\0\0\xFE\xFF"sv, TextEncoding::utf32_be},
    Mark{"\xFF\xFE"sv, TextEncoding::utf16_le}, Mark{"\xFE\xFF"sv, TextEncoding::utf16_be}};

struct Magic {
  std::size_t offset;
  std::string_view bytes, what;
};
// How files that people keep beside their texts begin.
constexpr std::array kMagics = {
    Magic{0, "\x89PNG\r\n"sv, "a PNG image"},
    Magic{0, "\xFF\xD8\xFF"sv, "a JPEG image"},
    Magic{0, "GIF8"sv, "a GIF image"},
    Magic{8, "WEBP"sv, "a WebP image"},
    Magic{0, "%PDF-"sv, "a PDF document: extract its text first (pdftotext)"},
    Magic{0, "{\\rtf"sv, "an RTF document: save it as plain text first"},
    Magic{30, "mimetypeapplication/epub"sv,
          "an EPUB book: extract its text first (pandoc -t plain)"},
    Magic{0, "PK\x03\x04"sv,
          "a ZIP archive, as .docx, .xlsx, .odt and .npz files are: unpack it, or export its text"},
    Magic{0, "\xD0\xCF\x11\xE0"sv, "an old Office document or Thumbs.db: export its text first"},
    Magic{0,
          "\x7F"
          "ELF"sv,
          "a program (ELF)"},
    Magic{0, "\xCA\xFE\xBA\xBE"sv, "a program (Java or macOS)"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array"},
    Magic{0, "PAR1"sv, "a Parquet table: export it as .jsonl, one object a line"},
    Magic{0, "ARROW1"sv, "an Arrow table: export it as .jsonl, one object a line"},
    Magic{0, "\x89HDF\r\n"sv, "an HDF5 file"},
    Magic{0, "SQLite format 3"sv, "an SQLite database"},
    Magic{0, "GGUF"sv, "a model (GGUF), not text"},
    Magic{0,
          "\xFD"
          "7zXZ"sv,
          "compressed with xz: decompress it first (xz -d), or use .gz or .zst"},
    Magic{0, "BZh"sv, "compressed with bzip2: decompress it first (bunzip2), or use .gz or .zst"},
    Magic{0, "\x04\x22\x4D\x18"sv, "compressed with lz4: decompress it first, or use .gz or .zst"},
    Magic{0, "7z\xBC\xAF\x27\x1C"sv, "a 7z archive: unpack it first"},
    Magic{0, "Rar!"sv, "a RAR archive: unpack it first"},
    Magic{257, "ustar"sv, "a tar archive: unpack it first (tar -x)"},
    Magic{0, "OggS"sv, "an Ogg recording"},
    Magic{0, "ID3"sv, "an MP3 recording"},
    Magic{4, "ftyp"sv, "an MP4 film or recording"},
    Magic{0, "RIFF"sv, "a WAV or AVI file"},
    Magic{0, "wOF"sv, "a font"},
    Magic{0, "\0\1\0\0"sv, "a font"}};

std::string known_magic(std::string_view begin) {
  // A header of JSON behind its own length, as safetensors files have it.
  if (begin.size() > 9 && begin[8] == '{' && begin.substr(4, 4) == "\0\0\0\0"sv)
    return "a model (safetensors), not text";
  for (const Magic& magic : kMagics)
    if (begin.size() >= magic.offset && begin.substr(magic.offset).starts_with(magic.bytes))
      return std::string(magic.what);
  return {};
}

// Zero bytes at nearly every second place, and hardly any beside them.
std::string refusal_of_zeros(std::string_view begin) {
  std::array<std::size_t, 2> zeros = {};
  for (std::size_t i = 0; i < begin.size(); ++i) zeros[i % 2] += begin[i] == '\0';
  if (zeros[0] + zeros[1] == 0) return {};
  for (const std::size_t side : {0, 1})
    if (zeros[side] * 4 > begin.size() && zeros[1 - side] * 16 < zeros[side])
      return fmt::format(
          "UTF-16 without a byte-order mark: convert it with iconv -f UTF-16{} -t UTF-8",
          side == 0 ? "BE" : "LE");
  return "binary data (zero bytes)";
}

// The bytes of the UTF-8 character at the start of `text`; 0: none is there; -1: `text` ends in it.
int character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const int size = first >= 0xC2 && first < 0xE0   ? 2
                   : first >= 0xE0 && first < 0xF0 ? 3
                   : first >= 0xF0 && first < 0xF5 ? 4
                                                   : 0;
  for (int i = 1; i < size; ++i) {
    if (static_cast<std::size_t>(i) == text.size()) return -1;
    const unsigned next = byte(static_cast<std::size_t>(i));
    // Overlong forms, surrogates and what lies above U+10FFFF are no characters.
    const unsigned low = i > 1 ? 0x80 : first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = i > 1 ? 0xBF : first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (next < low || next > high) return 0;
  }
  return size;
}

// How many bytes at the start of `text` are printable ASCII, in steps of eight.
std::size_t plain_bytes(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x80 * kOnes;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, 8);
    // No byte above 0x7F, and none from which 0x20 borrows.
    if (((bytes | (bytes - 0x20 * kOnes)) & kHigh) != 0) break;
  }
  return at;
}

}  // namespace

std::string_view name_of(TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::utf8:
      return "UTF-8";
    case TextEncoding::utf16_le:
    case TextEncoding::utf16_be:
      return "UTF-16";
    case TextEncoding::utf32_le:
    case TextEncoding::utf32_be:
      return "UTF-32";
  }
  return "unknown";
}

CharacterCount count_characters(std::string_view text) {
  CharacterCount counts;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t plain = plain_bytes(text.substr(at)); plain > 0) {
      counts.characters += plain;
      at += plain;
      continue;
    }
    const int size = character_size(text.substr(at));
    if (size < 0) break;
    const auto first = static_cast<unsigned char>(text[at]);
    if (size == 0 && counts.damaged++ == 0) counts.first_damaged = at;
    // Tabs, line and page ends, backspaces of old manuals and escapes of terminals are text.
    counts.control += first < 0x20 && (first < 0x08 || first > 0x0D) && first != 0x1B;
    ++counts.characters;
    at += static_cast<std::size_t>(std::max(size, 1));
  }
  return counts;
}

TextContent look_at(std::string_view begin, bool rows) {
  for (const Mark& mark : kMarks)
    if (begin.starts_with(mark.bytes)) return {mark.encoding, {}};
  TextContent content;
  content.refusal = known_magic(begin);
  if (content.refusal.empty() && !begin.empty() && begin.front() == 'v')
    content.refusal = placeholder_of(begin);
  if (content.refusal.empty()) content.refusal = refusal_of_zeros(begin);
  if (!content.refusal.empty()) return content;
  const CharacterCount counts = count_characters(begin);
  if (counts.control * 100 > counts.characters) {
    content.refusal = "binary data (control characters)";
  } else if (!rows && counts.damaged * 1000 > counts.characters) {
    const auto byte = static_cast<unsigned char>(begin[counts.first_damaged]);
    content.refusal = fmt::format(
        "not UTF-8 (byte {:#04x} at {}): convert it with iconv -f WINDOWS-1252 -t UTF-8 where it "
        "is Western European; `file -i` guesses others",
        byte, counts.first_damaged);
  }
  return content;
}

bool is_json_lines(std::string_view begin) {
  const std::size_t first = begin.find_first_not_of(" \t\r\n");
  if (first == begin.npos || begin[first] != '{') return false;
  const std::size_t end = begin.find('\n', first);
  if (end == begin.npos && begin.size() == kLookBytes) return true;  // a long first row
  const std::size_t next = end == begin.npos ? end : begin.find_first_not_of(" \t\r\n", end);
  if (next != begin.npos && begin[next] != '{') return false;
  try {
    return Json::parse(begin.substr(first, end == begin.npos ? end : end - first), "").is_object();
  } catch (const Error&) {
    // A damaged first row before others is a damaged file of rows.
    return next != begin.npos;
  }
}

FirstRow first_row(std::string_view begin, const std::string& field) {
  const std::size_t first = begin.find_first_not_of(" \t\r\n");
  if (first == begin.npos) return FirstRow::damaged;
  const std::size_t end = begin.find('\n', first);
  if (end == begin.npos && begin.size() == kLookBytes) return FirstRow::with_field;
  try {
    const Json row = Json::parse(begin.substr(first, end == begin.npos ? end : end - first), "row");
    if (!row.is_object()) return FirstRow::damaged;
    const Json* text = row.find(field);
    return text != nullptr && text->is_string() ? FirstRow::with_field : FirstRow::without_field;
  } catch (const Error&) {
    return FirstRow::damaged;
  }
}

}  // namespace stemma
