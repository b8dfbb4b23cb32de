#include "text/chat/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/escapes.h"
#include "text/unicode/python_text.h"

namespace stemma::chat::jinja {
namespace {

// The longer ones first.
constexpr std::array<std::string_view, 25> kSigns = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// With line feeds only, and without the last of them.
std::string normal_lines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normal_lines(source)), rest_(source_) {}

  std::vector<Token> run() {
    for (;;) {
      const std::size_t tag = next_tag();
      if (tag == rest_.npos) break;
      const std::string_view text = rest_.substr(0, tag);
      rest_.remove_prefix(tag);
      std::string_view after = rest_.substr(2);
      const char kind = rest_[1];
      char sign = after.empty() ? ' ' : after.front();
      if (sign != '-' && sign != '+') sign = ' ';
      const bool raw = kind == '%' && begins_word(after.substr(sign == ' ' ? 0 : 1), "raw");
      add_text(kept_before_tag(text, sign, kind != '{'));
      count_lines(text);
      rest_.remove_prefix(sign == ' ' ? 2 : 3);
      begins_line_ = false;
      if (raw)
        read_raw();
      else if (kind == '#')
        skip_comment();
      else
        read_tag(kind == '{');
    }
    add_text(rest_);
    count_lines(rest_);
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorCode::unsupported,
                fmt::format("[chat] line {} of the chat template: {}", line_, what));
  }
  void add(Token::Kind kind, std::string_view value) {
    tokens_.push_back({kind, std::string(value), line_});
  }
  void add_text(std::string_view text) {
    if (!text.empty()) add(Token::Kind::text, text);
  }
  void count_lines(std::string_view text) {
    line_ += static_cast<int>(std::ranges::count(text, '\n'));
  }
  void take(std::size_t size) {
    count_lines(rest_.substr(0, size));
    rest_.remove_prefix(size);
  }
  static std::size_t spaces(std::string_view text) {
    return without_spaces(text, true, false).begin;
  }
  void take_spaces() { take(spaces(rest_)); }

  std::size_t next_tag() const {
    for (std::size_t at = rest_.find('{'); at != rest_.npos; at = rest_.find('{', at + 1))
      if (at + 1 < rest_.size() && std::string_view("{%#").find(rest_[at + 1]) != rest_.npos)
        return at;
    return rest_.npos;
  }

  std::string_view kept_before_tag(std::string_view text, char sign, bool is_block) const {
    if (sign == '-') return text.substr(0, without_spaces(text, false, true).end);
    if (sign == '+' || !is_block) return text;
    const std::size_t line = text.rfind('\n') + 1;  // npos + 1 = 0
    if (line == 0 && !begins_line_) return text;
    const std::string_view indent = text.substr(line);
    return spaces(indent) == indent.size() ? text.substr(0, line) : text;
  }

  // Whether `word` and nothing else stands in the tag: {% raw %}.
  static bool begins_word(std::string_view text, std::string_view word) {
    text.remove_prefix(spaces(text));
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    text.remove_prefix(spaces(text));
    return text.starts_with("%}") || text.starts_with("-%}");
  }

  // The end of a tag at this place, and what it does to the text behind it; false where there is
  // none.
  bool take_tag_end(std::string_view end, bool takes_line_feed) {
    const char sign = rest_.empty() ? ' ' : rest_.front();
    const bool has_sign = sign == '-' || (sign == '+' && takes_line_feed);
    if (!rest_.substr(has_sign ? 1 : 0).starts_with(end)) return false;
    take(end.size() + (has_sign ? 1 : 0));
    const std::size_t size = sign == '-'                    ? spaces(rest_)
                             : has_sign || !takes_line_feed ? 0
                             : rest_.starts_with('\n')      ? 1
                                                            : 0;
    begins_line_ = size > 0 && rest_[size - 1] == '\n';
    take(size);
    return true;
  }

  void skip_comment() {
    const std::size_t end = rest_.find("#}");
    if (end == rest_.npos) fail("a comment without its end '#}'");
    const bool has_sign = end > 0 && (rest_[end - 1] == '-' || rest_[end - 1] == '+');
    take(end - (has_sign ? 1 : 0));
    take_tag_end("#}", true);
  }

  void read_raw() {
    take(rest_.find("raw") + 3);
    take_spaces();
    take_tag_end("%}", false);
    for (std::size_t at = rest_.find("{%"); at != rest_.npos; at = rest_.find("{%", at + 1)) {
      std::string_view tag = rest_.substr(at + 2);
      const char sign = !tag.empty() && (tag[0] == '-' || tag[0] == '+') ? tag[0] : ' ';
      if (sign != ' ') tag.remove_prefix(1);
      tag.remove_prefix(spaces(tag));
      if (!tag.starts_with("endraw")) continue;
      const std::string_view text = rest_.substr(0, at);
      add_text(kept_before_tag(text, sign, true));
      take(static_cast<std::size_t>(tag.data() - rest_.data()) + std::string_view("endraw").size());
      take_spaces();
      if (!take_tag_end("%}", true)) fail("'{% endraw' without its end '%}'");
      return;
    }
    fail("'{% raw %}' without '{% endraw %}'");
  }

  void read_tag(bool is_output) {
    add(is_output ? Token::Kind::output_begin : Token::Kind::block_begin, "");
    const std::string_view end = is_output ? "}}" : "%}";
    std::string open;  // brackets
    for (;;) {
      take_spaces();
      if (rest_.empty()) fail(fmt::format("a tag without its end '{}'", end));
      const int line = line_;
      if (open.empty() && take_tag_end(end, !is_output)) {
        tokens_.push_back({is_output ? Token::Kind::output_end : Token::Kind::block_end, "", line});
        return;
      }
      read_token(open);
    }
  }

  void read_token(std::string& open) {
    const char first = rest_.front();
    if (is_digit(first)) return read_number();
    if (is_name_part(first)) {
      const std::size_t size = stretch(is_name_part);
      add(Token::Kind::name, rest_.substr(0, size));
      return take(size);
    }
    if (first == '\'' || first == '"') return read_string(first);
    for (const std::string_view sign : kSigns) {
      if (!rest_.starts_with(sign)) continue;
      match_bracket(sign.front(), open);
      add(Token::Kind::sign, sign);
      return take(sign.size());
    }
    fail(
        fmt::format("unexpected character '{}' in a tag", rest_.substr(0, character_bytes(rest_))));
  }

  void match_bracket(char sign, std::string& open) const {
    constexpr std::string_view kOpening = "([{", kClosing = ")]}";
    if (const std::size_t kind = kOpening.find(sign); kind != kOpening.npos) open += kClosing[kind];
    if (kClosing.find(sign) == kClosing.npos) return;
    if (open.empty() || open.back() != sign)
      fail(fmt::format("unexpected '{}'{}", sign,
                       open.empty() ? "" : fmt::format(", expected '{}'", open.back())));
    open.pop_back();
  }

  template <class Is>
  std::size_t stretch(Is is, std::size_t from = 0) const {
    std::size_t size = from;
    while (size < rest_.size() && is(rest_[size])) ++size;
    return size;
  }

  // 12, 1_000, 0x1F, 1.5, 2e3.
  void read_number() {
    const auto digit = [](char c) { return is_digit(c) || c == '_'; };
    std::size_t size = stretch(digit);
    const auto more = [&](std::size_t at) { return at < rest_.size() && is_digit(rest_[at]); };
    bool real = false;
    const bool after_dot = !tokens_.empty() && tokens_.back().is_sign(".");
    if (!after_dot && size < rest_.size() && rest_[size] == '.' && more(size + 1)) {
      size = stretch(digit, size + 1);
      real = true;
    }
    if (!after_dot && size < rest_.size() && (rest_[size] | 0x20) == 'e') {
      const std::size_t sign =
          size + 1 < rest_.size() && (rest_[size + 1] == '-' || rest_[size + 1] == '+');
      if (more(size + 1 + sign)) {
        size = stretch(digit, size + 1 + sign);
        real = true;
      }
    }
    if (size < rest_.size() && is_name_part(rest_[size]))
      fail(fmt::format("'{}...' is no number", rest_.substr(0, size + 1)));
    std::string text(rest_.substr(0, size));
    std::erase(text, '_');
    add(real ? Token::Kind::real : Token::Kind::integer, text);
    take(size);
  }

  void read_string(char quote) {
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != quote) end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) fail("a text without its closing quote");
    const auto text = unescaped(rest_.substr(1, end - 1));
    if (!text) fail("a text with an escape that is cut off, or that is no character");
    add(Token::Kind::string, *text);
    take(end + 1);
  }

  const std::string source_;
  std::string_view rest_;
  int line_ = 1;
  bool begins_line_ = true;  // nothing stands before rest_ on its line
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view source) { return Lexer(source).run(); }

}  // namespace stemma::chat::jinja
