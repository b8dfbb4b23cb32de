#include "text/chat/template_form.h"

#include <algorithm>
#include <array>
#include <utility>

namespace stemma::chat {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A token of an expression; `value` of a string is what it stands for, of others what is written.
struct Token {
  bool is_string = false;
  std::string value;

  bool is(std::string_view written) const { return !is_string && value == written; }
};

std::string written(const Token& token) {
  if (!token.is_string) return token.value;
  std::string text = "'";
  for (const char c : token.value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::string joined(const std::vector<Token>& tokens) {
  std::string text;
  for (const Token& token : tokens) text += (text.empty() ? "" : " ") + written(token);
  return text;
}

// Whether tokens are strings, names and what brackets hold, with nothing but + between them: then
// each can be printed by itself.
bool is_plain_sum(const std::vector<Token>& tokens) {
  static constexpr std::array<std::string_view, 7> kWords = {"if",  "else", "and", "or",
                                                             "not", "in",   "is"};
  int depth = 0;
  bool term_expected = true;
  for (const Token& token : tokens) {
    if (token.is("[")) {
      if (depth++ == 0 && term_expected) return false;  // a list
      continue;
    }
    if (token.is("]")) {
      --depth;
      continue;
    }
    if (depth > 0) continue;
    if (token.is("+")) {
      if (term_expected) return false;
      term_expected = true;
      continue;
    }
    const bool term = token.is_string || (is_word(token.value.front()) &&
                                          std::ranges::find(kWords, token.value) == kWords.end());
    if (!term || !term_expected) return false;
    term_expected = false;
  }
  return depth == 0 && !term_expected;
}

class FormReader {
 public:
  explicit FormReader(std::string_view jinja) : rest_(jinja) {
    if (rest_.ends_with('\n')) rest_.remove_suffix(1);  // as Jinja does
  }

  std::optional<std::vector<FormPart>> read() {
    for (;;) {
      const std::size_t tag = next_tag();
      std::string_view text = rest_.substr(0, tag);
      if (tag < rest_.size()) text = trimmed_before_tag(text, rest_.substr(tag));
      add_text(text);
      if (tag == rest_.size()) return std::move(parts_);
      rest_.remove_prefix(tag);
      if (!read_tag()) return std::nullopt;
    }
  }

 private:
  std::size_t next_tag() const {
    for (std::size_t at = 0; at + 1 < rest_.size(); ++at)
      if (rest_[at] == '{' &&
          (rest_[at + 1] == '{' || rest_[at + 1] == '%' || rest_[at + 1] == '#'))
        return at;
    return rest_.size();
  }

  // {%- takes the white space before it; a block alone on its line takes the line's indentation.
  std::string_view trimmed_before_tag(std::string_view text, std::string_view tag) const {
    const char sign = tag.size() > 2 ? tag[2] : ' ';
    if (sign == '-') return text.substr(0, text.find_last_not_of(kBlanks) + 1);
    if (sign == '+' || tag[1] == '{') return text;
    const std::size_t line = text.rfind('\n') + 1;
    const bool begins_line = line > 0 || at_line_begin_;
    const bool blank = text.find_first_not_of(" \t\r\v\f", line) == text.npos;
    return begins_line && blank ? text.substr(0, line) : text;
  }

  void add_text(std::string_view text) {
    if (text.empty()) return;
    if (parts_.empty() || parts_.back().kind != FormKind::text)
      parts_.push_back({FormKind::text, {}});
    parts_.back().text += text;
  }

  // At a tag; false where it cannot be read.
  bool read_tag() {
    const char kind = rest_[1];
    rest_.remove_prefix(2);
    if (kind == '#') return false;
    if (!rest_.empty() && (rest_[0] == '-' || rest_[0] == '+')) rest_.remove_prefix(1);
    const std::string_view end = kind == '{' ? "}}" : "%}";
    std::vector<Token> tokens;
    bool trims = false;
    for (;;) {
      rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
      if (rest_.empty()) return false;
      trims = rest_[0] == '-' && rest_.substr(1).starts_with(end);
      if (trims) rest_.remove_prefix(1);
      if (rest_.starts_with(end)) break;
      if (!read_token(tokens)) return false;
    }
    rest_.remove_prefix(2);
    finish_tag(kind, trims);
    add_tag(kind, std::move(tokens));
    return true;
  }

  // What a tag does to the text behind it.
  void finish_tag(char kind, bool trims) {
    at_line_begin_ = false;
    if (trims) {
      const std::size_t kept = std::min(rest_.find_first_not_of(kBlanks), rest_.size());
      at_line_begin_ = kept > 0 && rest_[kept - 1] == '\n';
      rest_.remove_prefix(kept);
    } else if (kind == '%' && rest_.starts_with('\n')) {
      at_line_begin_ = true;
      rest_.remove_prefix(1);
    }
  }

  void add_tag(char kind, std::vector<Token> tokens) {
    if (kind == '%') {
      parts_.push_back({FormKind::block, joined(tokens)});
      return;
    }
    if (!is_plain_sum(tokens)) {
      parts_.push_back({FormKind::output, joined(tokens)});
      return;
    }
    int depth = 0;
    std::vector<Token> term;
    const auto end_term = [&] {
      if (term.size() == 1 && term[0].is_string)
        add_text(term[0].value);
      else
        parts_.push_back({FormKind::output, joined(term)});
      term.clear();
    };
    for (Token& token : tokens) {
      depth += token.is("[") ? 1 : token.is("]") ? -1 : 0;
      if (depth == 0 && token.is("+"))
        end_term();
      else
        term.push_back(std::move(token));
    }
    end_term();
  }

  bool read_token(std::vector<Token>& tokens) {
    const char first = rest_[0];
    if (first == '\'' || first == '"') return read_string(tokens);
    if (first == '.' && rest_.size() > 1 && is_word(rest_[1])) {
      rest_.remove_prefix(1);
      tokens.push_back({false, "["});
      tokens.push_back({true, std::string(take_word())});
      tokens.push_back({false, "]"});
      return true;
    }
    if (is_word(first)) {
      tokens.push_back({false, std::string(take_word())});
      return true;
    }
    const std::size_t size = rest_.size() > 1 && rest_[1] == '=' ? 2 : 1;  // == != <= >=
    tokens.push_back({false, std::string(rest_.substr(0, size))});
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view take_word() {
    std::size_t size = 0;
    while (size < rest_.size() && is_word(rest_[size])) ++size;
    const std::string_view word = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return word;
  }

  // The escapes that templates use; false for others.
  bool read_string(std::vector<Token>& tokens) {
    const char quote = rest_[0];
    std::string value;
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == quote) {
        rest_.remove_prefix(at + 1);
        tokens.push_back({true, std::move(value)});
        return true;
      }
      if (rest_[at] != '\\') {
        value += rest_[at];
        continue;
      }
      if (++at == rest_.size()) return false;
      constexpr std::string_view kEscapes = "n\nt\tr\r\\\\''\"\"";
      std::size_t found = 0;
      while (found < kEscapes.size() && kEscapes[found] != rest_[at]) found += 2;
      if (found >= kEscapes.size()) return false;
      value += kEscapes[found + 1];
    }
    return false;
  }

  std::string_view rest_;
  bool at_line_begin_ = true;  // what comes next begins a line
  std::vector<FormPart> parts_;
};

}  // namespace

std::optional<std::vector<FormPart>> template_form(std::string_view jinja) {
  return FormReader(jinja).read();
}

}  // namespace stemma::chat
