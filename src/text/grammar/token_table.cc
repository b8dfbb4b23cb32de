#include "text/grammar/token_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/limits.h"
#include "text/unicode/utf8.h"

namespace stemma::grammar {
namespace {

bool is_plain_token(std::string_view bytes) {
  char32_t c = 0;
  std::size_t count = 0;
  for (; !bytes.empty(); ++count) {
    const std::size_t size = unicode::decode_utf8(bytes, c);
    if (size == 0 || c < 0x20 || c == '"' || c == '\\') return false;
    bytes.remove_prefix(size);
  }
  return count <= TokenTable::kPlainCharacters;
}

void check_end_tokens(std::span<const std::int32_t> end_tokens, std::int32_t size) {
  for (const std::int32_t id : end_tokens)
    if (id < 0 || id >= size)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[grammar] end tokens must be ids below {}, got {}", size, id));
}

}  // namespace

TokenTable::TokenTable(const Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens)
    : begins_(1), end_tokens_(end_tokens.begin(), end_tokens.end()) {
  if (!tokenizer.joins_bytes())
    throw Error(ErrorCode::unsupported,
                "[grammar] constrained output needs a tokenizer whose text is the bytes of its "
                "tokens, this one joins them otherwise: use a model with a byte-level vocabulary");
  check_end_tokens(end_tokens, tokenizer.vocab_size());
  std::set<std::int32_t> special;
  for (const auto& [name, id] : tokenizer.special_tokens()) special.insert(id);
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!special.contains(id) && tokenizer.has_token(id)) text_ += tokenizer.bytes_of(id);
    begins_.push_back(text_.size());
  }
  build();
}

TokenTable::TokenTable(std::span<const std::string> bytes, std::span<const std::int32_t> end_tokens)
    : begins_(1), end_tokens_(end_tokens.begin(), end_tokens.end()) {
  check_end_tokens(end_tokens, static_cast<std::int32_t>(bytes.size()));
  for (const std::string& one : bytes) {
    text_ += one;
    begins_.push_back(text_.size());
  }
  build();
}

void TokenTable::build() {
  std::vector<std::pair<std::string_view, std::int32_t>> plain, others, long_ones;
  plain_bits_.resize(mask_words());
  for (std::int32_t id = 0; id < size(); ++id) {
    const std::string_view token = bytes(id);
    if (token.empty()) continue;
    if (token.size() > kMaxMaskedBytes) {
      long_ones.emplace_back(token, id);
    } else if (is_plain_token(token)) {
      plain.emplace_back(token, id);
      plain_bits_[static_cast<std::size_t>(id) / 32] |= 1u << id % 32;
    } else {
      others.emplace_back(token, id);
    }
  }
  plain_ = TokenTrie(std::move(plain));
  others_ = TokenTrie(std::move(others));
  long_ = TokenTrie(std::move(long_ones));
}

std::string_view TokenTable::bytes(std::int32_t id) const {
  if (id < 0 || id >= size() || is_end(id)) return {};
  const auto at = static_cast<std::size_t>(id);
  return std::string_view(text_).substr(begins_[at], begins_[at + 1] - begins_[at]);
}

bool TokenTable::is_end(std::int32_t id) const {
  return std::ranges::find(end_tokens_, id) != end_tokens_.end();
}

}  // namespace stemma::grammar
