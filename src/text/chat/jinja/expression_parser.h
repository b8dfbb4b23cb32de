// The expressions of a template, by Jinja2's grammar. Private to the parser.
//
//   ExpressionParser expressions(stream);
//   ExpressionPointer sum = expressions.any();    // 1 + 2 if a else b
//
// One thread. Throws unsupported with the line.
#pragma once

#include "text/chat/jinja/syntax.h"
#include "text/chat/jinja/token_stream.h"

namespace stemma::chat::jinja {

class ExpressionParser {
 public:
  static constexpr int kLevels = 300;  // of operators in each other, as in a + b + c

  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  // An expression; with_condition: also `a if b else c`.
  ExpressionPointer any(bool with_condition = true);
  // An expression or, where commas follow, a tuple. `end`: a name that ends it, or "".
  ExpressionPointer maybe_tuple(bool with_condition = true, std::string_view end = "",
                                bool empty_allowed = false);
  // A name, a tuple of them, or an attribute of a namespace. `end` as above.
  ExpressionPointer target(bool with_namespace, std::string_view end = "");
  // The filters from here on, applied to what is null: upper | trim.
  ExpressionPointer filters_of_block();

 private:
  using Kind = Expression::Kind;
  using Reader = ExpressionPointer (ExpressionParser::*)();

  ExpressionPointer make(Kind kind, int line, std::string text = {}) const;
  void add(Expression& parent, ExpressionPointer part) const;
  ExpressionPointer binary(Reader below, std::initializer_list<std::string_view> signs);
  ExpressionPointer logic(Reader below, std::string_view word);

  ExpressionPointer condition();
  ExpressionPointer either();
  ExpressionPointer both();
  ExpressionPointer negation();
  ExpressionPointer comparison();
  bool comparison_word(std::string& word);
  ExpressionPointer sum();
  ExpressionPointer join();
  ExpressionPointer product();
  ExpressionPointer power();
  ExpressionPointer signed_one();
  ExpressionPointer unary(bool with_filters);
  ExpressionPointer primary();
  ExpressionPointer name();
  ExpressionPointer number();
  ExpressionPointer list();
  ExpressionPointer dictionary();
  ExpressionPointer postfixes(ExpressionPointer base);
  ExpressionPointer filters(ExpressionPointer base);
  ExpressionPointer call(ExpressionPointer function);
  ExpressionPointer subscript(ExpressionPointer base);
  ExpressionPointer brackets(ExpressionPointer base);
  ExpressionPointer filter(ExpressionPointer base);
  ExpressionPointer test(ExpressionPointer base);
  bool begins_test_argument() const;
  void arguments(Expression& call);
  bool ends_tuple(std::string_view end) const;

  TokenStream& stream_;
};

}  // namespace stemma::chat::jinja
