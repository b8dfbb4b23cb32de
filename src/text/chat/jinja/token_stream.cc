#include "text/chat/jinja/token_stream.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::chat::jinja {
namespace {

std::string shown(const Token& token) {
  switch (token.kind) {
    case Token::Kind::text:
      return "text";
    case Token::Kind::output_begin:
      return "'{{'";
    case Token::Kind::output_end:
      return "'}}'";
    case Token::Kind::block_begin:
      return "'{%'";
    case Token::Kind::block_end:
      return "'%}'";
    case Token::Kind::string:
      return "a quoted text";
    case Token::Kind::end:
      return "the end of the template";
    default:
      return fmt::format("'{}'", token.value);
  }
}

}  // namespace

const Token& TokenStream::take() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenStream::skip_sign(std::string_view sign) {
  if (!now().is_sign(sign)) return false;
  take();
  return true;
}

bool TokenStream::skip_name(std::string_view name) {
  if (!now().is_name(name)) return false;
  take();
  return true;
}

void TokenStream::expect_sign(std::string_view sign) {
  if (!skip_sign(sign)) unexpected(fmt::format("'{}'", sign));
}

void TokenStream::expect_name(std::string_view name) {
  if (!skip_name(name)) unexpected(fmt::format("'{}'", name));
}

std::string TokenStream::expect_any_name() {
  if (now().kind != Token::Kind::name) unexpected("a name");
  return take().value;
}

void TokenStream::expect(Token::Kind kind) {
  if (now().kind != kind) unexpected(shown({kind, "", 0}));
  take();
}

void TokenStream::fail(std::string_view what) const {
  throw Error(ErrorCode::unsupported,
              fmt::format("[chat] line {} of the chat template: {}", now().line, what));
}

void TokenStream::unexpected(std::string_view wanted) const {
  fail(fmt::format("expected {}, found {}", wanted, shown(now())));
}

TokenStream::Level::Level(TokenStream& stream) : stream_(stream) {
  if (stream.level_ >= kLevels)
    stream.fail(fmt::format("more than {} brackets and blocks in each other", kLevels));
  ++stream.level_;
}

}  // namespace stemma::chat::jinja
