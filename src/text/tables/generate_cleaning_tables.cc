// Build-time program: writes the tables that text/cleaning/cleaning_tables.h declares, from ICU's
// properties and from html_entities.txt and mojibake.txt in FOLDER (make_cleaning_data.py).
//
//   generate_cleaning_tables FOLDER OUTPUT.cc
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uversion.h>

namespace {

constexpr UChar32 kEnd = 0x110000, kHangulFirst = 0xAC00, kHangulLast = 0xD7A3;
constexpr std::size_t kCharsets = 10;
constexpr unsigned kSloppyCharsets = 0b0001111110, kFirstClue = 14;

// A row of a table for every character: row_of(c) gives its number.
template <class Function>
void write_two_stages(std::ostream& out, const std::string& name, Function row_of) {
  using Block = std::array<std::size_t, 256>;
  std::map<Block, std::size_t> number_of;
  std::vector<Block> blocks;
  out << "const std::uint8_t k" << name << "BlockOf[0x110000 / 256] = {\n";
  for (UChar32 base = 0; base < kEnd; base += 256) {
    Block block;
    for (UChar32 i = 0; i < 256; ++i) block[static_cast<std::size_t>(i)] = row_of(base + i);
    const auto [place, is_new] = number_of.try_emplace(block, blocks.size());
    if (is_new) blocks.push_back(block);
    out << place->second << (base / 256 % 64 == 63 ? ",\n" : ",");
  }
  if (blocks.size() > 256) throw std::runtime_error(name + ": its blocks need more than a byte");
  out << "};\n\nconst std::uint16_t k" << name << "Blocks[][256] = {\n";
  for (const Block& block : blocks) {
    out << "{";
    for (const std::size_t row : block) out << row << ",";
    out << "},\n";
  }
  out << "};\n\n";
}

std::ifstream open(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + " cannot be read");
  return file;
}

UChar32 hexadecimal(const std::string& digits) { return std::stoi(digits, nullptr, 16); }

std::string literal(UChar32 c) {
  std::ostringstream out;
  out << "0x" << std::hex << c;
  return out.str();
}

std::string text_literal(const std::vector<UChar32>& text) {
  std::ostringstream out;
  out << "{U\"" << std::hex;
  for (const UChar32 c : text) out << "\\x" << c << "\" U\"";
  out << "\", " << std::dec << text.size() << "}";
  return out.str();
}

void write_entities(std::ostream& out, std::ifstream file) {
  out << "static const HtmlEntity kEntities[] = {\n";
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, digits;
    words >> name;
    out << "{\"" << name << "\", {";
    std::size_t length = 0;
    for (; words >> digits; ++length) out << literal(hexadecimal(digits)) << ",";
    if (length > 3) throw std::runtime_error(name + ": more than three characters");
    out << "}},\n";
  }
  out << "};\n\n";
}

struct Mojibake {
  std::uint32_t traits = 0;
  std::uint16_t charsets = 0;
  std::array<int, kCharsets> byte{};
};
using MojibakeTable = std::map<UChar32, Mojibake>;

void add_byte(MojibakeTable& table, UChar32 c, std::size_t charset, int byte) {
  Mojibake& entry = table[c];
  entry.charsets = static_cast<std::uint16_t>(entry.charsets | 1u << charset);
  entry.byte[charset] = byte;
}

// ASCII is the same in every charset, but for the byte that stands for U+FFFD in the sloppy ones.
void add_ascii(MojibakeTable& table, std::size_t charset) {
  constexpr int kSubstitute = 0x1A;
  const bool sloppy = (kSloppyCharsets >> charset & 1) != 0;
  for (int byte = 0; byte < 0x80; ++byte)
    add_byte(table, byte == kSubstitute && sloppy ? 0xFFFD : byte, charset, byte);
}

MojibakeTable read_mojibake(std::ifstream file) {
  MojibakeTable table;
  std::size_t charsets = 0;
  unsigned trait = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind, name, range;
    words >> kind >> name;
    if (kind == "charset") {
      add_ascii(table, charsets);
      for (int byte = 0x80; words >> range; ++byte)
        add_byte(table, hexadecimal(range), charsets, byte);
      ++charsets;
      continue;
    }
    while (words >> range) {
      const std::size_t dash = range.find('-');
      const UChar32 last = hexadecimal(dash == range.npos ? range : range.substr(dash + 1));
      for (UChar32 c = hexadecimal(range.substr(0, dash)); c <= last; ++c)
        table[c].traits |= 1u << trait;
    }
    ++trait;
  }
  if (charsets != kCharsets || trait != kFirstClue + 5)
    throw std::runtime_error("mojibake.txt: its tables are not those of cleaning_tables.h");
  return table;
}

void write_mojibake(std::ostream& out, const MojibakeTable& table) {
  std::map<UChar32, std::size_t> row_of;
  out << "const MojibakeCharacter kMojibakeCharacters[] = {\n{0, 0, {}},\n";
  for (const auto& [c, entry] : table) {
    row_of.emplace(c, row_of.size() + 1);
    out << "{" << entry.traits << ", " << entry.charsets << ", {";
    for (const int byte : entry.byte) out << byte << ",";
    out << "}},\n";
  }
  out << "};\n\n";
  write_two_stages(out, "Mojibake", [&](UChar32 c) {
    const auto found = row_of.find(c);
    return found == row_of.end() ? std::size_t{0} : found->second;
  });
}

const icu::Normalizer2& normalizer(bool compatibility) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* found = compatibility ? icu::Normalizer2::getNFKCInstance(error)
                                                : icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) throw std::runtime_error("ICU has no normalizer");
  return *found;
}

std::vector<UChar32> characters(const icu::UnicodeString& text) {
  std::vector<UChar32> result;
  for (std::int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1))
    result.push_back(text.char32At(i));
  return result;
}

std::vector<UChar32> full_decomposition(UChar32 c) {
  icu::UnicodeString text;
  if (c >= kHangulFirst && c <= kHangulLast) return {};
  return normalizer(false).getDecomposition(c, text) ? characters(text) : std::vector<UChar32>{};
}

void write_normal_forms(std::ostream& out) {
  const icu::Normalizer2& nfc = normalizer(false);
  std::map<std::string, std::size_t> number_of;
  std::vector<std::size_t> row_of;
  std::vector<std::string> rows;
  std::vector<UChar32> decompositions;
  for (UChar32 c = 0; c < kEnd; ++c) {
    const std::vector<UChar32> parts = full_decomposition(c);
    const int combining_class = nfc.getCombiningClass(c);
    const bool stays =
        combining_class == 0 && u_getIntPropertyValue(c, UCHAR_NFC_QUICK_CHECK) == UNORM_YES;
    std::ostringstream row;
    row << "{" << combining_class << ", " << (stays ? "true" : "false") << ", " << parts.size()
        << ", " << (parts.empty() ? 0 : decompositions.size()) << "}";
    decompositions.insert(decompositions.end(), parts.begin(), parts.end());
    const auto [place, is_new] = number_of.try_emplace(row.str(), rows.size());
    if (is_new) rows.push_back(row.str());
    row_of.push_back(place->second);
  }
  out << "const NormalForm kNormalForms[] = {\n";
  for (const std::string& row : rows) out << row << ",\n";
  out << "};\n\nconst char32_t kDecompositions[] = {\n";
  for (const UChar32 c : decompositions) out << literal(c) << ",\n";
  out << "};\n\n";
  write_two_stages(out, "Normal", [&](UChar32 c) { return row_of[static_cast<std::size_t>(c)]; });
}

void write_compositions(std::ostream& out) {
  const icu::Normalizer2& nfc = normalizer(false);
  std::map<std::pair<UChar32, UChar32>, UChar32> composite_of;
  for (UChar32 c = 0; c < kEnd; ++c) {
    icu::UnicodeString text;
    if ((c >= kHangulFirst && c <= kHangulLast) || !nfc.getRawDecomposition(c, text)) continue;
    const std::vector<UChar32> parts = characters(text);
    if (parts.size() == 2 && nfc.composePair(parts[0], parts[1]) == c)
      composite_of[{parts[0], parts[1]}] = c;
  }
  out << "static const Composition kCompositions[] = {\n";
  for (const auto& [parts, c] : composite_of)
    out << "{" << literal(parts.first) << ", " << literal(parts.second) << ", " << literal(c)
        << "},\n";
  out << "};\n\n";
}

constexpr UChar32 kWideFirst = 0xFF01, kWideLast = 0xFFEF;

void write_widths(std::ostream& out) {
  out << "static const std::u32string_view kWidths[] = {\n";
  for (UChar32 c = kWideFirst; c <= kWideLast; ++c) {
    UErrorCode error = U_ZERO_ERROR;
    const std::vector<UChar32> form =
        characters(normalizer(true).normalize(icu::UnicodeString(c), error));
    out << (form == std::vector<UChar32>{c} ? "{}" : text_literal(form)) << ",\n";
  }
  out << "};\n\n";
}

// Decimal digits come in runs of ten from a zero.
void write_zeros(std::ostream& out) {
  out << "static const char32_t kZeros[] = {\n";
  for (UChar32 c = 0; c < kEnd; ++c)
    if (u_charDigitValue(c) == 0 && u_charType(c) == U_DECIMAL_DIGIT_NUMBER)
      out << literal(c) << ",\n";
  out << "};\n\n";
}

void write_accessors(std::ostream& out) {
  out << "}  // namespace cleaning_tables\n\n"
      << "std::span<const HtmlEntity> html_entities() { return cleaning_tables::kEntities; }\n\n"
      << "std::span<const Composition> compositions() { return cleaning_tables::kCompositions; "
         "}\n\n"
      << "std::u32string_view standard_width(char32_t c) {\n"
      << "  if (c >= " << literal(kWideFirst) << " && c <= " << literal(kWideLast)
      << ") return cleaning_tables::kWidths[c - " << literal(kWideFirst) << "];\n"
      << "  return c == 0x3000 ? U\" \" : std::u32string_view();\n}\n\n"
      << "bool is_decimal_digit(char32_t c) {\n"
      << "  const auto* zero = std::upper_bound(std::begin(cleaning_tables::kZeros),\n"
      << "      std::end(cleaning_tables::kZeros), c);\n"
      << "  return zero != std::begin(cleaning_tables::kZeros) && c - zero[-1] < 10;\n}\n\n"
      << "}  // namespace stemma::cleaning\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: generate_cleaning_tables FOLDER OUTPUT.cc\n");
    return 2;
  }
  try {
    const std::string folder = argv[1];
    std::ofstream out(argv[2]);
    out << "// Generated by generate_cleaning_tables from ICU " << U_ICU_VERSION
        << ", html_entities.txt and mojibake.txt.\n#include <algorithm>\n#include <iterator>\n\n"
        << "#include \"text/cleaning/cleaning_tables.h\"\n\nnamespace stemma::cleaning {\n"
        << "namespace cleaning_tables {\n\n";
    write_entities(out, open(folder + "/html_entities.txt"));
    write_mojibake(out, read_mojibake(open(folder + "/mojibake.txt")));
    write_normal_forms(out);
    write_compositions(out);
    write_widths(out);
    write_zeros(out);
    write_accessors(out);
    return out.flush() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generate_cleaning_tables: %s\n", error.what());
    return 1;
  }
}
