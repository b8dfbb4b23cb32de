#include "text/split/english_classes.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace stemma::split {
namespace {

// first, first + step, ..., last
struct Range {
  char32_t first, last, step;
};
#include "text/tables/english_ranges.inc"

constexpr std::u32string_view kPunctuation = U"…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪";
constexpr std::u32string_view kQuotes = U"'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉\u2329\u232A⟦⟧";
constexpr std::u32string_view kCurrencies =
    U"$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹"
    U"₺"
    U"₻"
    U"₼"
    U"₾"
    U"₿";

// "тбكم" is there because a list of spaCy lacks a space.
constexpr std::string_view kUnits[] = {
    "km",  "km²", "km³", "m",    "m²",  "m³",   "dm",   "dm²", "dm³",  "cm",  "cm²", "cm³",  "mm",
    "mm²", "mm³", "ha",  "µm",   "nm",  "yd",   "in",   "ft",  "kg",   "g",   "mg",  "µg",   "t",
    "lb",  "oz",  "m/s", "km/h", "kmh", "mph",  "hPa",  "Pa",  "mbar", "mb",  "MB",  "kb",   "KB",
    "gb",  "GB",  "tb",  "TB",   "T",   "G",    "M",    "K",   "%",    "км",  "км²", "км³",  "м",
    "м²",  "м³",  "дм",  "дм²",  "дм³", "см",   "см²",  "см³", "мм",   "мм²", "мм³", "нм",   "кг",
    "г",   "мг",  "м/с", "км/ч", "кПа", "Па",   "мбар", "Кб",  "КБ",   "кб",  "Мб",  "МБ",   "мб",
    "Гб",  "ГБ",  "гб",  "Тб",   "ТБ",  "тбكم", "كم²",  "كم³", "م",    "م²",  "م³",  "سم",   "سم²",
    "سم³", "مم",  "مم²", "مم³",  "كم",  "غرام", "جرام", "جم",  "كغ",   "ملغ", "كوب", "اكواب"};

bool is_in(std::span<const Range> ranges, char32_t c) {
  const auto next = std::ranges::upper_bound(ranges, c, {}, &Range::first);
  if (next == ranges.begin()) return false;
  const Range& range = *std::prev(next);
  return c <= range.last && (c - range.first) % range.step == 0;
}

constexpr std::uint8_t sign_bits(char32_t c) {
  std::uint8_t bits = 0;
  if (kPunctuation.find(c) != kPunctuation.npos) bits |= kEnglishPunct;
  if (kQuotes.find(c) != kQuotes.npos) bits |= kEnglishQuote;
  if (kCurrencies.find(c) != kCurrencies.npos) bits |= kEnglishMoney;
  return bits;
}

constexpr std::array<std::uint8_t, 128> ascii_bits() {
  std::array<std::uint8_t, 128> table{};
  for (char32_t c = 0; c < 128; ++c) {
    table[c] = sign_bits(c);
    if (c >= 'a' && c <= 'z') table[c] |= kEnglishAlpha | kEnglishLower;
    if (c >= 'A' && c <= 'Z') table[c] |= kEnglishAlpha | kEnglishUpper;
    if (c >= '0' && c <= '9') table[c] |= kEnglishDecimal;
  }
  return table;
}

}  // namespace

constexpr std::array<std::uint8_t, 128> english_classes::kAscii = ascii_bits();

std::uint8_t english_classes::above_ascii(char32_t c) {
  std::uint8_t bits = sign_bits(c);
  if (is_in(kAlphaRanges, c)) bits |= kEnglishAlpha;
  if (is_in(kLowerRanges, c)) bits |= kEnglishLower;
  if (is_in(kUpperRanges, c)) bits |= kEnglishUpper;
  if (is_in(kIconRanges, c)) bits |= kEnglishIcon;
  if (is_in(kDigitRanges, c)) bits |= kEnglishDecimal;
  return bits;
}

bool is_english_unit(std::string_view text) {
  return std::ranges::find(kUnits, text) != std::end(kUnits);
}

}  // namespace stemma::split
