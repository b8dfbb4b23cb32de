#include "text/chat/jinja/parser.h"

#include <initializer_list>

#include <fmt/format.h>

#include "text/chat/jinja/expression_parser.h"

namespace stemma::chat::jinja {
namespace {

using TokenKind = Token::Kind;
using Names = std::initializer_list<std::string_view>;

class StatementParser {
 public:
  explicit StatementParser(std::string_view source)
      : stream_(tokens_of(source)), expressions_(stream_) {}

  Block run() {
    Block block = statements({});
    if (stream_.now().kind != TokenKind::end) stream_.unexpected("a statement");
    return block;
  }

 private:
  using Kind = Statement::Kind;

  static Statement make(Kind kind, int line) {
    Statement statement;
    statement.kind = kind;
    statement.line = line;
    return statement;
  }

  // Up to a tag that begins with one of `ends`, whose name is the next token then; without any, up
  // to the end of the template.
  Block statements(Names ends) {
    const TokenStream::Level level(stream_);
    Block block;
    for (;;) {
      const Token& now = stream_.now();
      if (now.kind == TokenKind::text) {
        block.push_back(make(Kind::text, now.line));
        block.back().text = stream_.take().value;
      } else if (now.kind == TokenKind::output_begin) {
        block.push_back(make(Kind::output, now.line));
        stream_.take();
        block.back().expressions.push_back(expressions_.maybe_tuple());
        stream_.expect(TokenKind::output_end);
      } else if (now.kind == TokenKind::block_begin) {
        stream_.take();
        for (const std::string_view end : ends)
          if (stream_.now().is_name(end)) return block;
        block.push_back(statement());
        stream_.expect(TokenKind::block_end);
      } else if (ends.size() > 0) {
        stream_.unexpected(fmt::format("'{{% {} %}}'", *(ends.end() - 1)));
      } else {
        return block;
      }
    }
  }

  // The tag's end, what it holds up to {% endNAME %}, and that name.
  Block body(Names ends) {
    stream_.expect(TokenKind::block_end);
    return statements(ends);
  }
  Block whole_body(std::string_view end) {
    Block block = body({end});
    stream_.take();
    return block;
  }

  Statement statement() {
    const int line = stream_.now().line;
    if (stream_.skip_name("if")) return if_chain(line);
    if (stream_.skip_name("for")) return for_loop(line);
    if (stream_.skip_name("set")) return set(line);
    if (stream_.skip_name("macro")) return macro(line);
    if (stream_.skip_name("with")) return with(line);
    if (stream_.skip_name("filter")) {
      Statement filtered = make(Kind::filter_block, line);
      filtered.expressions.push_back(expressions_.filters_of_block());
      filtered.blocks.push_back(whole_body("endfilter"));
      return filtered;
    }
    if (stream_.skip_name("generation")) {
      Statement scope = make(Kind::scope, line);
      scope.blocks.push_back(whole_body("endgeneration"));
      return scope;
    }
    if (stream_.now().is_name("break") || stream_.now().is_name("continue")) {
      if (loops_ == 0) stream_.fail(fmt::format("'{}' outside of a loop", stream_.now().value));
      return make(stream_.take().value == "break" ? Kind::loop_break : Kind::loop_continue, line);
    }
    stream_.fail(fmt::format(
        "'{{% {} %}}' is not supported: use for, if, set, macro, with, filter, break, continue, "
        "generation or raw",
        stream_.now().value));
  }

  Statement if_chain(int line) {
    Statement chain = make(Kind::if_chain, line);
    do {
      chain.expressions.push_back(expressions_.maybe_tuple(false));
      chain.blocks.push_back(body({"elif", "else", "endif"}));
    } while (stream_.skip_name("elif"));
    if (stream_.skip_name("else")) chain.blocks.push_back(body({"endif"}));
    stream_.expect_name("endif");
    return chain;
  }

  Statement for_loop(int line) {
    Statement loop = make(Kind::for_loop, line);
    loop.targets.push_back(expressions_.target(false, "in"));
    stream_.expect_name("in");
    loop.expressions.push_back(expressions_.maybe_tuple(false, "recursive"));
    loop.expressions.push_back(stream_.skip_name("if") ? expressions_.any() : nullptr);
    if (stream_.now().is_name("recursive"))
      stream_.fail("recursive loops are not supported: use a macro that calls itself");
    ++loops_;
    loop.blocks.push_back(body({"else", "endfor"}));
    --loops_;
    if (stream_.skip_name("else")) loop.blocks.push_back(body({"endfor"}));
    stream_.expect_name("endfor");
    return loop;
  }

  Statement set(int line) {
    Statement set = make(Kind::set, line);
    set.targets.push_back(expressions_.target(true));
    if (stream_.skip_sign("=")) {
      set.expressions.push_back(expressions_.maybe_tuple());
      return set;
    }
    set.kind = Kind::set_block;
    set.expressions.push_back(stream_.skip_sign("|") ? expressions_.filters_of_block() : nullptr);
    set.blocks.push_back(whole_body("endset"));
    return set;
  }

  Statement with(int line) {
    Statement with = make(Kind::with, line);
    while (stream_.now().kind != TokenKind::block_end) {
      if (!with.targets.empty()) stream_.expect_sign(",");
      with.targets.push_back(expressions_.target(false));
      stream_.expect_sign("=");
      with.expressions.push_back(expressions_.any());
    }
    with.blocks.push_back(whole_body("endwith"));
    return with;
  }

  Statement macro(int line) {
    Statement macro = make(Kind::macro, line);
    macro.text = stream_.expect_any_name();
    stream_.expect_sign("(");
    while (!stream_.now().is_sign(")")) {
      if (!macro.parameters.empty()) stream_.expect_sign(",");
      macro.parameters.push_back(stream_.expect_any_name());
      if (stream_.skip_sign("="))
        macro.expressions.push_back(expressions_.any());
      else if (!macro.expressions.empty())
        stream_.fail("a parameter without a default behind one with a default");
    }
    stream_.expect_sign(")");
    const int loops = std::exchange(loops_, 0);
    macro.blocks.push_back(whole_body("endmacro"));
    loops_ = loops;
    return macro;
  }

  TokenStream stream_;
  ExpressionParser expressions_;
  int loops_ = 0;
};

}  // namespace

Block parse(std::string_view source) { return StatementParser(source).run(); }

}  // namespace stemma::chat::jinja
