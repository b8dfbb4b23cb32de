// A template as a tree. The parser makes it, the machine walks it; nobody changes it.
//
//   {{ a.b | trim }}   is  Statement{output, {Expression{filter "trim", {attribute "b", {name
//   "a"}}}}}
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat/jinja/value.h"

namespace stemma::chat::jinja {

struct Expression;
using ExpressionPointer = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind : std::uint8_t {
    constant,    // value
    name,        // text
    attribute,   // parts[0] . text
    item,        // parts[0] [ parts[1] ]
    slice,       // parts[0] [ parts[1] : parts[2] : parts[3] ], each of these may be null
    call,        // parts[0] ( parts[1] ..., named ... )
    filter,      // parts[0] | text ( parts[1] ..., named ... ); parts[0] is null in {% filter %}
    test,        // parts[0] is text ( parts[1] ... )
    list,        // parts
    tuple,       // parts
    dictionary,  // parts: key, value, key, value
    unary,       // text: - + not
    binary,      // text: + - * / // % **
    join,        // parts with ~ between them
    logic,       // text: and, or
    comparison,  // parts[0] words[0] parts[1] words[1] parts[2] ...
    condition,   // parts[1] if parts[0] else parts[2], which may be null
    name_attribute,  // a target: words[0] . text, of a namespace
  };
  Kind kind = Kind::constant;
  int line = 1;
  int levels = 1;  // of the tree
  std::string text;
  Value value;
  std::vector<ExpressionPointer> parts;
  std::vector<std::pair<std::string, ExpressionPointer>> named;
  std::vector<std::string> words;
};

struct Statement;
using Block = std::vector<Statement>;

struct Statement {
  enum class Kind : std::uint8_t {
    text,          // text
    output,        // expressions
    if_chain,      // expressions[i]: the condition of blocks[i]; one block more is else
    for_loop,      // targets[0] in expressions[0] if expressions[1] (or null): blocks[0], else [1]
    set,           // targets[0] = expressions[0]
    set_block,     // targets[0] = what blocks[0] prints, through expressions[0] (or null)
    with,          // targets[i] = expressions[i] in blocks[0]
    macro,         // text(parameters, the last of them with the defaults `expressions`): blocks[0]
    filter_block,  // expressions[0] of what blocks[0] prints
    scope,         // blocks[0] with names of its own: {% generation %}
    loop_break,
    loop_continue,
  };
  Kind kind = Kind::text;
  int line = 1;
  std::string text;
  std::vector<ExpressionPointer> expressions, targets;
  std::vector<std::string> parameters;
  std::vector<Block> blocks;
};

}  // namespace stemma::chat::jinja
