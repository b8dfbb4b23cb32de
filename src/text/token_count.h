// Counts the tokens of a text, and finds where its first n tokens end, in bounded memory.
//
//   count_tokens(*tokenizer, "Hello world");               // 2
//   count_tokens(*tokenizer, text.substr(begin, size));    // of a part, as a text of its own
//   first_tokens(*tokenizer, "Hello world", 1).bytes;      // 5: "Hello"
//
// Functions: any thread. The memory is that of StreamEncoder.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "text/stream_encoder.h"
#include "text/tokenizer.h"

namespace stemma {

// Tokens of the beginning of a text, and where they end in it. The place may lie inside a
// character, where tokens do.
struct TokenCount {
  std::uint64_t tokens = 0, bytes = 0;

  bool operator==(const TokenCount&) const = default;
};

// Counts the tokens of a text that comes in chunks (StreamEncoder), up to a limit.
class TokenCounter {
 public:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  // Throws unsupported for a limit where tokens have no place in their text
  // (Tokenizer::keeps_bytes()).
  TokenCounter(const Tokenizer& tokenizer, StreamEncoder::Options options,
               std::uint64_t limit_tokens = kNoLimit);

  // False when the limit is reached: more text changes nothing.
  bool push(std::string_view chunk);
  // The end of the text: its count, or that of its first `limit_tokens` tokens.
  TokenCount finish();

 private:
  void take();

  const Tokenizer& tokenizer_;
  StreamEncoder encoder_;
  std::uint64_t limit_, pushed_bytes_ = 0;
  TokenCount count_;  // bytes: only with a limit
  std::vector<std::int32_t> ids_;
};

std::uint64_t count_tokens(const Tokenizer& tokenizer, std::string_view text);

// The first `limit_tokens` tokens of a text: fewer where it has no more. Throws as TokenCounter.
TokenCount first_tokens(const Tokenizer& tokenizer, std::string_view text,
                        std::uint64_t limit_tokens);

// Characters and words of a text that comes in chunks. A character is a Unicode code point; each
// byte of invalid UTF-8 counts as one. Words are what white space (Unicode's White_Space) parts.
class CharacterCounter {
 public:
  void push(std::string_view chunk);
  void finish();

  std::uint64_t characters() const { return characters_; }
  std::uint64_t words() const { return words_; }

 private:
  void count(std::string_view text);

  std::string pending_;  // the begin of a character
  bool in_word_ = false;
  std::uint64_t characters_ = 0, words_ = 0;
};

}  // namespace stemma
