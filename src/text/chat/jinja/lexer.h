// Cuts a template into tokens as Jinja2's lexer does, with trim_blocks and lstrip_blocks as
// transformers sets them: a block takes the line feed behind it and the blanks before it on its
// line, `-` takes all white space on its side, `+` none.
//
//   tokens_of("a {%- if b %}");   // text "a", block_begin, name "if", name "b", block_end, end
//
// Throws unsupported with the line of what is no template. Pure function; time linear in the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::chat::jinja {

struct Token {
  enum class Kind : std::uint8_t {
    text,
    output_begin,
    output_end,
    block_begin,
    block_end,
    name,
    string,   // value: what it stands for
    integer,  // value: in decimal
    real,
    sign,  // an operator or bracket
    end,
  };
  Kind kind = Kind::end;
  std::string value;
  int line = 1;

  bool is_sign(std::string_view text) const { return kind == Kind::sign && value == text; }
  bool is_name(std::string_view text) const { return kind == Kind::name && value == text; }
};

// The last one is `end`.
std::vector<Token> tokens_of(std::string_view source);

}  // namespace stemma::chat::jinja
