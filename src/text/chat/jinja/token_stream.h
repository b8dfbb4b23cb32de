// The tokens of a template for a recursive descent parser (Jinja2's TokenStream).
//
//   if (stream.skip_name("if")) ...
//
// One thread. Throws unsupported with the line of what does not fit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/chat/jinja/lexer.h"

namespace stemma::chat::jinja {

class TokenStream {
 public:
  static constexpr int kLevels = 200;  // of brackets and blocks in each other

  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& now() const { return tokens_[at_]; }
  // The one behind it.
  const Token& after() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  // Returns now() and goes on.
  const Token& take();
  bool skip_sign(std::string_view sign);
  bool skip_name(std::string_view name);
  void expect_sign(std::string_view sign);
  void expect_name(std::string_view name);
  std::string expect_any_name();
  void expect(Token::Kind kind);

  [[noreturn]] void fail(std::string_view what) const;
  [[noreturn]] void unexpected(std::string_view wanted) const;

  // One bracket or block deeper until the end of the scope.
  class Level {
   public:
    explicit Level(TokenStream& stream);
    ~Level() { --stream_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TokenStream& stream_;
  };

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int level_ = 0;
};

}  // namespace stemma::chat::jinja
