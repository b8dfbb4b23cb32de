// The tokens of a vocabulary by id, their bytes one after the other in one block of memory.
//
//   TokenList tokens;
//   tokens.set(262, " the");
//   tokens[262];                  // " the"
//   tokens[0];                    // empty: the id has no token
//
// Readers may share a list; a writer needs it alone. Views live until the next set().
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
  // So many bytes may be read from the start of every token.
  static constexpr std::size_t kReadable = 16;

  void reserve(std::size_t tokens) {
    spans_.reserve(tokens);
    bytes_.reserve(8 * tokens);
  }

  // The largest id with a token, plus 1.
  std::size_t size() const { return spans_.size(); }
  std::string_view operator[](std::size_t id) const {
    const Span span = spans_[id];
    return {bytes_.data() + span.begin, span.size};
  }

  // The id has no token yet. All tokens together are below 4 GiB: readers refuse files as large.
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
  std::string bytes_;  // and kReadable more
};

// Tokenizer::bytes_of(): throws invalid_argument for an id out of range or without a token.
std::string_view token_of(const TokenList& tokens, std::int32_t id);

}  // namespace stemma::lookup
