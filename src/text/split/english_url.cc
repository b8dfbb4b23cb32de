#include "text/split/english_url.h"

#include <array>
#include <cstddef>
#include <optional>

#include "text/split/english_classes.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::split {
namespace {

// A character and its length; length 0 at the end, and at an invalid byte, which nothing matches.
struct UrlCharacter {
  char32_t c = 0;
  std::size_t length = 0;

  bool is(char32_t other) const { return length > 0 && c == other; }
  bool is_digit() const { return length > 0 && (english_class(c) & kEnglishDecimal) != 0; }
  bool is_ascii_alnum() const {
    return length > 0 &&
           ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  }
  bool ends_label() const { return is_ascii_alnum() || (c >= 0xA1 && c <= 0xFFFF); }
};

UrlCharacter url_character(std::string_view text, std::size_t place) {
  UrlCharacter next;
  next.length = unicode::decode_utf8(text.substr(place), next.c);
  return next;
}

// Up to `most` decimal digits of any script.
struct UrlNumber {
  std::array<char32_t, 5> digits{};
  std::size_t count = 0;
  std::size_t end = 0;

  bool is(std::u32string_view text) const {
    return std::u32string_view(digits.data(), count) == text;
  }
  char32_t at(std::size_t i) const { return i < count ? digits[i] : 0; }
};

UrlNumber url_number(std::string_view text, std::size_t place, std::size_t most) {
  UrlNumber number{{}, 0, place};
  while (number.count < most) {
    const UrlCharacter next = url_character(text, number.end);
    if (!next.is_digit()) break;
    number.digits[number.count++] = next.c;
    number.end += next.length;
  }
  return number;
}

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

// Bytes of an address as the pattern spells them: its first digits are ASCII, the last of any
// script.
bool is_first_octet(const UrlNumber& n) {
  if (n.count == 1 || n.count == 2) return is_between(n.at(0), '1', '9');
  if (n.count != 3) return false;
  return n.at(0) == '1' || (n.at(0) == '2' && (n.at(1) == '0' || n.at(1) == '1' ||
                                               (n.at(1) == '2' && is_between(n.at(2), '0', '3'))));
}

bool is_middle_octet(const UrlNumber& n) {
  if (n.count == 1 || n.count == 2) return true;
  if (n.count != 3) return false;
  return n.at(0) == '1' || (n.at(0) == '2' && (is_between(n.at(1), '0', '4') ||
                                               (n.at(1) == '5' && is_between(n.at(2), '0', '5'))));
}

bool is_last_octet(const UrlNumber& n) {
  if (n.count == 1 || n.count == 2) return is_between(n.at(0), '1', '9');
  if (n.count != 3) return false;
  return n.at(0) == '1' || (n.at(0) == '2' && (is_between(n.at(1), '0', '4') ||
                                               (n.at(1) == '5' && is_between(n.at(2), '0', '4'))));
}

// 10.*, 127.*, 169.254.*, 192.168.*, 172.16.* to 172.31.*
bool is_private(const UrlNumber& first, const UrlNumber& second) {
  if (first.is(U"10") || first.is(U"127")) return true;
  if (first.is(U"169")) return second.is(U"254");
  if (first.is(U"192")) return second.is(U"168");
  if (!first.is(U"172") || second.count != 2) return false;
  return (second.at(0) == '1' && is_between(second.at(1), '6', '9')) || second.at(0) == '2' ||
         (second.at(0) == '3' && is_between(second.at(1), '0', '1'));
}

// Where the IP number at `place` ends.
std::optional<std::size_t> ip_end(std::string_view text, std::size_t place) {
  std::array<UrlNumber, 4> octets;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i > 0) {
      if (place >= text.size() || text[place] != '.') return std::nullopt;
      ++place;
    }
    octets[i] = url_number(text, place, 3);
    place = octets[i].end;
  }
  const bool fits = is_first_octet(octets[0]) && is_middle_octet(octets[1]) &&
                    is_middle_octet(octets[2]) && is_last_octet(octets[3]);
  if (!fits || is_private(octets[0], octets[1])) return std::nullopt;
  return place;
}

// Where the domain at `place` ends: labels of up to 64 characters with dots behind, then 2 to 63
// letters of lower case.
std::optional<std::size_t> domain_end(std::string_view text, std::size_t place) {
  std::size_t labels = 0;
  for (;;) {
    const std::size_t begin = place;
    std::size_t count = 0;
    bool has_good_ends = true, lower = true;
    UrlCharacter next = url_character(text, place), last;
    for (; next.length > 0 && (next.ends_label() || next.is('_') || next.is('-') ||
                               (english_class(next.c) & kEnglishLower) != 0);
         next = url_character(text, place)) {
      if (place == begin) has_good_ends = next.ends_label();
      lower = lower && (english_class(next.c) & kEnglishLower) != 0;
      has_good_ends = has_good_ends && next.c <= 0xFFFF;
      last = next;
      ++count;
      place += next.length;
    }
    if (next.is('.')) {
      if (count == 0 || count > 64 || !has_good_ends || !last.ends_label()) return std::nullopt;
      ++labels;
      ++place;
      continue;
    }
    if (labels == 0 || count < 2 || count > 63 || !lower) return std::nullopt;
    return place;
  }
}

// (?::\d{2,5})?(?:[/?#]\S*)?$
bool is_port_and_path(std::string_view text, std::size_t place) {
  if (place < text.size() && text[place] == ':') {
    const UrlNumber port = url_number(text, place + 1, 5);
    if (port.count < 2) return false;
    place = port.end;
  }
  return place == text.size() || text[place] == '/' || text[place] == '?' || text[place] == '#';
}

bool is_host_and_rest(std::string_view text) {
  const auto ip = ip_end(text, 0);
  if (ip && is_port_and_path(text, *ip)) return true;
  const auto domain = domain_end(text, 0);
  return domain && is_port_and_path(text, *domain);
}

// [\w+.-]{2,}://
std::size_t protocol_length(std::string_view text) {
  std::size_t place = 0, count = 0;
  for (;; ++count) {
    const UrlCharacter next = url_character(text, place);
    const bool fits =
        next.length > 0 && (unicode::kLetters.has(unicode::char_class(next.c)) ||
                            unicode::char_class(next.c) == unicode::CharClass::number ||
                            next.is('_') || next.is('+') || next.is('-') || next.is('.'));
    if (!fits) break;
    place += next.length;
  }
  return count >= 2 && text.substr(place).starts_with("://") ? place + 3 : 0;
}

}  // namespace

// A user name is anything with '@' behind. A host has no '@', so that each place where one may
// begin is tried in time proportional to what lies before the next.
bool is_english_url(std::string_view word) {
  if (word.find('.') == word.npos) return false;
  if (is_host_and_rest(word)) return true;
  const std::size_t protocol = protocol_length(word);
  if (protocol > 0 && is_host_and_rest(word.substr(protocol))) return true;
  for (std::size_t at = word.find('@', 1); at != word.npos; at = word.find('@', at + 1))
    if (is_host_and_rest(word.substr(at + 1))) return true;
  return false;
}

}  // namespace stemma::split
