// An array of strings in one block of memory: the bytes of every token of a vocabulary, by id.
//
//   TokenList tokens;
//   tokens.set(262, " the");
//   tokens[262];                  // " the"
//   tokens[0];                    // empty: the id has no token
//
// Each token has an offset and a size into the block. At least 16 bytes may be read from the start
// of every token, so that decoders can copy short tokens with one fixed-size move.
//
// Several threads may read a list at once; a writer needs it alone. Views stay valid until the next
// set().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::lookup {

class TokenList {
 public:
  // This many bytes may be read from the start of every token.
  static constexpr std::size_t kReadable = 16;

  void reserve(std::size_t tokens) {
    spans_.reserve(tokens);
    bytes_.reserve(8 * tokens);
  }

  // One more than the largest id that has a token.
  std::size_t size() const { return spans_.size(); }
  std::string_view operator[](std::size_t id) const {
    const Span span = spans_[id];
    return {bytes_.data() + span.begin, span.size};
  }

  // The id must have no token yet. All tokens together must be below 4 GiB; readers refuse larger
  // files.
  void set(std::size_t id, std::string_view token) {
    if (id >= spans_.size()) spans_.resize(id + 1);
    const std::size_t begin = bytes_.size() - std::min(bytes_.size(), kReadable);
    spans_[id] = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(token.size())};
    bytes_.resize(begin);
    bytes_.append(token).append(kReadable, '\0');
  }

 private:
  struct Span {
    std::uint32_t begin = 0, size = 0;
  };
  std::vector<Span> spans_;
  std::string bytes_;  // of all tokens, then kReadable zeros
};

// Tokenizer::bytes_of(): throws invalid_argument for an id out of range or without a token.
std::string_view token_of(const TokenList& tokens, std::int32_t id);

}  // namespace stemma::lookup
