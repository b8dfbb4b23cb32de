#include "text/chat/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace stemma::chat::jinja {

using TokenKind = Token::Kind;

ExpressionPointer ExpressionParser::make(Kind kind, int line, std::string text) const {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->line = line;
  expression->text = std::move(text);
  return expression;
}

void ExpressionParser::add(Expression& parent, ExpressionPointer part) const {
  if (part) parent.levels = std::max(parent.levels, part->levels + 1);
  if (parent.levels > kLevels)
    stream_.fail(fmt::format("an expression with more than {} operators in each other", kLevels));
  parent.parts.push_back(std::move(part));
}

ExpressionPointer ExpressionParser::any(bool with_condition) {
  const TokenStream::Level level(stream_);
  return with_condition ? condition() : either();
}

bool ExpressionParser::ends_tuple(std::string_view end) const {
  const Token& now = stream_.now();
  return now.kind == TokenKind::output_end || now.kind == TokenKind::block_end ||
         now.is_sign(")") || (!end.empty() && now.is_name(end));
}

ExpressionPointer ExpressionParser::maybe_tuple(bool with_condition, std::string_view end,
                                                bool empty_allowed) {
  auto tuple = make(Kind::tuple, stream_.now().line);
  bool has_comma = false;
  while (!ends_tuple(end)) {
    add(*tuple, any(with_condition));
    if (!stream_.skip_sign(",")) break;
    has_comma = true;
  }
  if (has_comma) return tuple;
  if (tuple->parts.size() == 1) return std::move(tuple->parts.front());
  if (!empty_allowed) stream_.unexpected("an expression");
  return tuple;
}

ExpressionPointer ExpressionParser::target(bool with_namespace, std::string_view end) {
  const TokenStream::Level level(stream_);
  auto tuple = make(Kind::tuple, stream_.now().line);
  bool has_comma = false;
  while (!ends_tuple(end)) {
    const int line = stream_.now().line;
    if (stream_.skip_sign("(")) {
      add(*tuple, target(false));
      stream_.expect_sign(")");
    } else {
      std::string first = stream_.expect_any_name();
      if (with_namespace && stream_.skip_sign(".")) {
        auto attribute = make(Kind::name_attribute, line, stream_.expect_any_name());
        attribute->words.push_back(std::move(first));
        add(*tuple, std::move(attribute));
      } else {
        add(*tuple, make(Kind::name, line, std::move(first)));
      }
    }
    if (!stream_.skip_sign(",")) break;
    has_comma = true;
  }
  if (has_comma) return tuple;
  if (tuple->parts.empty()) stream_.unexpected("a name");
  return std::move(tuple->parts.front());
}

ExpressionPointer ExpressionParser::condition() {
  ExpressionPointer value = either();
  while (stream_.now().is_name("if")) {
    auto node = make(Kind::condition, stream_.take().line);
    add(*node, either());
    add(*node, std::move(value));
    add(*node, stream_.skip_name("else") ? any() : nullptr);
    value = std::move(node);
  }
  return value;
}

ExpressionPointer ExpressionParser::logic(Reader below, std::string_view word) {
  ExpressionPointer left = (this->*below)();
  while (stream_.now().is_name(word)) {
    auto node = make(Kind::logic, stream_.take().line, std::string(word));
    add(*node, std::move(left));
    add(*node, (this->*below)());
    left = std::move(node);
  }
  return left;
}

ExpressionPointer ExpressionParser::either() { return logic(&ExpressionParser::both, "or"); }
ExpressionPointer ExpressionParser::both() { return logic(&ExpressionParser::negation, "and"); }

ExpressionPointer ExpressionParser::negation() {
  if (!stream_.now().is_name("not")) return comparison();
  const TokenStream::Level level(stream_);
  auto node = make(Kind::unary, stream_.take().line, "not");
  add(*node, negation());
  return node;
}

bool ExpressionParser::comparison_word(std::string& word) {
  for (const std::string_view sign : {"==", "!=", "<", "<=", ">", ">="})
    if (stream_.skip_sign(sign)) {
      word = sign;
      return true;
    }
  const bool negative = stream_.now().is_name("not") && stream_.after().is_name("in");
  if (negative) stream_.take();
  if (!stream_.skip_name("in")) return false;
  word = negative ? "not in" : "in";
  return true;
}

ExpressionPointer ExpressionParser::comparison() {
  ExpressionPointer first = sum();
  auto node = make(Kind::comparison, first->line);
  for (std::string word; comparison_word(word);) {
    if (node->parts.empty()) add(*node, std::move(first));
    node->words.push_back(word);
    add(*node, sum());
  }
  return node->parts.empty() ? std::move(first) : std::move(node);
}

ExpressionPointer ExpressionParser::binary(Reader below,
                                           std::initializer_list<std::string_view> signs) {
  ExpressionPointer left = (this->*below)();
  for (;;) {
    const Token& now = stream_.now();
    if (now.kind != TokenKind::sign || std::ranges::find(signs, now.value) == signs.end())
      return left;
    auto node = make(Kind::binary, now.line, now.value);
    stream_.take();
    add(*node, std::move(left));
    add(*node, (this->*below)());
    left = std::move(node);
  }
}

ExpressionPointer ExpressionParser::sum() { return binary(&ExpressionParser::join, {"+", "-"}); }

ExpressionPointer ExpressionParser::join() {
  ExpressionPointer first = product();
  if (!stream_.now().is_sign("~")) return first;
  auto node = make(Kind::join, first->line);
  add(*node, std::move(first));
  while (stream_.skip_sign("~")) add(*node, product());
  return node;
}

ExpressionPointer ExpressionParser::product() {
  return binary(&ExpressionParser::power, {"*", "/", "//", "%"});
}

ExpressionPointer ExpressionParser::power() {
  return binary(&ExpressionParser::signed_one, {"**"});
}

ExpressionPointer ExpressionParser::signed_one() { return unary(true); }

ExpressionPointer ExpressionParser::unary(bool with_filters) {
  ExpressionPointer node;
  if (stream_.now().is_sign("-") || stream_.now().is_sign("+")) {
    const TokenStream::Level level(stream_);
    node = make(Kind::unary, stream_.now().line, stream_.now().value);
    stream_.take();
    add(*node, unary(false));
  } else {
    node = primary();
  }
  node = postfixes(std::move(node));
  return with_filters ? filters(std::move(node)) : std::move(node);
}

ExpressionPointer ExpressionParser::name() {
  const Token token = stream_.take();
  auto node = make(Kind::constant, token.line);
  const std::string& word = token.value;
  if (word == "true" || word == "True")
    node->value = Value(true);
  else if (word == "false" || word == "False")
    node->value = Value(false);
  else if (word == "none" || word == "None")
    node->value = Value::none();
  else
    return make(Kind::name, token.line, word);
  return node;
}

ExpressionPointer ExpressionParser::number() {
  const Token& token = stream_.take();
  auto node = make(Kind::constant, token.line);
  const char *begin = token.value.data(), *end = begin + token.value.size();
  std::int64_t integer = 0;
  double real = 0;
  const bool is_real = token.kind == TokenKind::real;
  const auto result =
      is_real ? std::from_chars(begin, end, real) : std::from_chars(begin, end, integer);
  if (result.ec != std::errc() || result.ptr != end)
    stream_.fail(fmt::format("the number {} is not supported: up to 2^63 in decimal", token.value));
  node->value = is_real ? Value(real) : Value(integer);
  return node;
}

ExpressionPointer ExpressionParser::list() {
  auto node = make(Kind::list, stream_.now().line);
  stream_.expect_sign("[");
  while (!stream_.now().is_sign("]")) {
    if (!node->parts.empty()) stream_.expect_sign(",");
    if (stream_.now().is_sign("]")) break;
    add(*node, any());
  }
  stream_.expect_sign("]");
  return node;
}

ExpressionPointer ExpressionParser::dictionary() {
  auto node = make(Kind::dictionary, stream_.now().line);
  stream_.expect_sign("{");
  while (!stream_.now().is_sign("}")) {
    if (!node->parts.empty()) stream_.expect_sign(",");
    if (stream_.now().is_sign("}")) break;
    add(*node, any());
    stream_.expect_sign(":");
    add(*node, any());
  }
  stream_.expect_sign("}");
  return node;
}

ExpressionPointer ExpressionParser::primary() {
  const Token& now = stream_.now();
  if (now.kind == TokenKind::name) return name();
  if (now.kind == TokenKind::integer || now.kind == TokenKind::real) return number();
  if (now.kind == TokenKind::string) {
    auto node = make(Kind::constant, now.line);
    std::string text;
    while (stream_.now().kind == TokenKind::string) text += stream_.take().value;
    node->value = Value(text, Origin::of_template);
    return node;
  }
  if (now.is_sign("[")) return list();
  if (now.is_sign("{")) return dictionary();
  if (!stream_.skip_sign("(")) stream_.unexpected("an expression");
  auto node = maybe_tuple(true, "", true);
  stream_.expect_sign(")");
  return node;
}

ExpressionPointer ExpressionParser::postfixes(ExpressionPointer base) {
  for (;;) {
    const Token& now = stream_.now();
    if (now.is_sign(".") || now.is_sign("[")) {
      base = subscript(std::move(base));
    } else if (now.is_sign("(")) {
      base = call(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPointer ExpressionParser::call(ExpressionPointer function) {
  auto node = make(Kind::call, stream_.now().line);
  add(*node, std::move(function));
  arguments(*node);
  return node;
}

ExpressionPointer ExpressionParser::filters(ExpressionPointer base) {
  for (;;) {
    const Token& now = stream_.now();
    if (now.is_sign("|")) {
      stream_.take();
      base = filter(std::move(base));
    } else if (now.is_name("is")) {
      base = test(std::move(base));
    } else if (now.is_sign("(")) {
      base = call(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPointer ExpressionParser::subscript(ExpressionPointer base) {
  const int line = stream_.now().line;
  if (stream_.skip_sign("[")) return brackets(std::move(base));
  stream_.expect_sign(".");
  if (stream_.now().kind == TokenKind::integer) {
    auto node = make(Kind::item, line);
    add(*node, std::move(base));
    add(*node, number());
    return node;
  }
  auto node = make(Kind::attribute, line, stream_.expect_any_name());
  add(*node, std::move(base));
  return node;
}

ExpressionPointer ExpressionParser::brackets(ExpressionPointer base) {
  auto node = make(Kind::item, stream_.now().line);
  add(*node, std::move(base));
  const auto ends = [&] { return stream_.now().is_sign("]") || stream_.now().is_sign(":"); };
  add(*node, ends() ? nullptr : any());
  while (stream_.skip_sign(":")) {
    node->kind = Kind::slice;
    add(*node, ends() ? nullptr : any());
  }
  if (node->kind == Kind::item && !node->parts[1]) stream_.unexpected("a subscript");
  if (node->kind == Kind::slice && node->parts.size() == 3) add(*node, nullptr);
  if (node->parts.size() > 4 || !stream_.skip_sign("]")) stream_.unexpected("']'");
  return node;
}

ExpressionPointer ExpressionParser::filter(ExpressionPointer base) {
  const int line = stream_.now().line;
  auto node = make(Kind::filter, line, stream_.expect_any_name());
  add(*node, std::move(base));
  if (stream_.now().is_sign("(")) arguments(*node);
  return node;
}

ExpressionPointer ExpressionParser::filters_of_block() {
  ExpressionPointer node = filter(nullptr);
  while (stream_.skip_sign("|")) node = filter(std::move(node));
  return node;
}

bool ExpressionParser::begins_test_argument() const {
  const Token& now = stream_.now();
  if (now.kind == TokenKind::name)
    return !now.is_name("else") && !now.is_name("or") && !now.is_name("and");
  return now.kind == TokenKind::string || now.kind == TokenKind::integer ||
         now.kind == TokenKind::real || now.is_sign("[") || now.is_sign("{");
}

ExpressionPointer ExpressionParser::test(ExpressionPointer base) {
  const int line = stream_.take().line;
  const bool negative = stream_.skip_name("not");
  auto node = make(Kind::test, line, stream_.expect_any_name());
  add(*node, std::move(base));
  if (stream_.now().is_sign("(")) {
    arguments(*node);
  } else if (begins_test_argument()) {
    if (stream_.now().is_name("is")) stream_.fail("one test behind another: use 'and'");
    add(*node, postfixes(primary()));
  }
  if (!negative) return node;
  auto negation = make(Kind::unary, line, "not");
  add(*negation, std::move(node));
  return negation;
}

void ExpressionParser::arguments(Expression& call) {
  const TokenStream::Level level(stream_);
  stream_.expect_sign("(");
  for (bool first = true; !stream_.now().is_sign(")"); first = false) {
    if (!first) stream_.expect_sign(",");
    if (!first && stream_.now().is_sign(")")) break;
    if (stream_.now().is_sign("*") || stream_.now().is_sign("**"))
      stream_.fail("arguments from a list or an object (*, **) are not supported: name them");
    if (stream_.now().kind == TokenKind::name && stream_.after().is_sign("=")) {
      std::string key = stream_.take().value;
      stream_.take();
      ExpressionPointer value = any();
      call.levels = std::max(call.levels, value->levels + 1);
      call.named.emplace_back(std::move(key), std::move(value));
    } else if (!call.named.empty()) {
      stream_.fail("an argument without a name behind one with a name");
    } else {
      add(call, any());
    }
  }
  stream_.expect_sign(")");
}

}  // namespace stemma::chat::jinja
