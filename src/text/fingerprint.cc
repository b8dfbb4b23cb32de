#include "text/fingerprint.h"

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"

namespace stemma {
namespace {

// Letters of several scripts, digits, spaces, contractions, control and invalid bytes: where word
// splitters and merges differ.
constexpr std::string_view kProbe =
    "Hello world, it's 12345 o'clock; we'LL   meet\n\n\tat Caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC "
    "\xF0\x9F\x98\x80 <|endoftext|> \xFF\xC3 __init__(self): 3.14159 internationalisation \r\n";

// False for an id that has no token.
bool find_bytes(const Tokenizer& tokenizer, std::int32_t id, std::string_view& bytes) {
  try {
    bytes = tokenizer.bytes_of(id);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::uint64_t mix(std::uint64_t state, std::int64_t value) {
  return hash64(std::string_view(reinterpret_cast<const char*>(&value), sizeof value), state);
}

}  // namespace

std::uint64_t tokenizer_fingerprint(const Tokenizer& tokenizer) {
  std::uint64_t state = mix(0, tokenizer.vocab_size());
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    std::string_view bytes;
    state = find_bytes(tokenizer, id, bytes) ? hash64(bytes, state + 1) : mix(state, -1);
  }
  for (const auto& [name, id] : tokenizer.special_tokens()) state = mix(hash64(name, state), id);
  state = mix(state, tokenizer.end_of_text().value_or(-1));
  std::vector<std::int32_t> ids;
  tokenizer.encode(kProbe, ids);
  for (const std::int32_t id : ids) state = mix(state, id);
  return state;
}

std::vector<std::uint32_t> token_byte_counts(const Tokenizer& tokenizer) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    std::string_view bytes;
    if (find_bytes(tokenizer, id, bytes))
      counts[static_cast<std::size_t>(id)] = static_cast<std::uint32_t>(bytes.size());
  }
  for (const auto& [name, id] : tokenizer.special_tokens()) {
    if (id >= 0 && id < tokenizer.vocab_size()) counts[static_cast<std::size_t>(id)] = 0;
  }
  return counts;
}

}  // namespace stemma
