#include "text/report/token_statistics.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/error.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::report {
namespace {

void count_characters(std::string_view text, TokenStatistics& s) {
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = 0;
    const std::size_t length = unicode::decode_utf8(text.substr(at), c);
    const bool space = length > 0 && unicode::char_class(c) == unicode::CharClass::space;
    s.invalid_bytes += length == 0 ? 1 : 0;
    s.words += !space && !in_word ? 1 : 0;
    in_word = !space;
    ++s.characters;
    at += std::max<std::size_t>(length, 1);
  }
}

// Whether the tokens joined are the text; in pieces, so that no second text is held.
bool gives_back(const Tokenizer& tokenizer, std::string_view text,
                std::span<const std::int32_t> ids) {
  constexpr std::size_t kIdsAtOnce = 1 << 16;
  std::string decoded;
  while (!ids.empty()) {
    const std::size_t count = std::min(ids.size(), kIdsAtOnce);
    decoded.clear();
    tokenizer.decode(ids.first(count), decoded);
    if (!text.starts_with(decoded)) return false;
    text.remove_prefix(decoded.size());
    ids = ids.subspan(count);
  }
  return text.empty();
}

// The ids that text can yield, with their bytes.
std::vector<std::pair<std::int32_t, std::size_t>> ordinary_tokens(const Tokenizer& tokenizer) {
  std::set<std::int32_t> special;
  for (const auto& [name, id] : tokenizer.special_tokens()) special.insert(id);
  std::vector<std::pair<std::int32_t, std::size_t>> tokens;
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (special.contains(id)) continue;
    try {
      tokens.emplace_back(id, tokenizer.bytes_of(id).size());
    } catch (const Error&) {
      continue;  // a gap in the ids
    }
  }
  return tokens;
}

template <class Before>
std::vector<TokenFrequency> first_of(std::vector<TokenFrequency> all, std::size_t listed,
                                     Before before) {
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(listed, all.size()));
  std::partial_sort(all.begin(), end, all.end(), before);
  all.erase(end, all.end());
  return all;
}

}  // namespace

TokenStatistics token_statistics(const Tokenizer& tokenizer, std::string_view text,
                                 std::span<const std::int32_t> ids, std::size_t listed) {
  TokenStatistics s;
  s.bytes = text.size();
  s.tokens = ids.size();
  count_characters(text, s);
  s.exact = gives_back(tokenizer, text, ids);
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) (void)tokenizer.bytes_of(id);  // throws
    ++counts[static_cast<std::size_t>(id)];
  }
  std::vector<TokenFrequency> found;
  std::vector<std::size_t> bytes_of(counts.size());
  for (const auto& [id, bytes] : ordinary_tokens(tokenizer)) {
    ++s.vocabulary;
    const std::uint64_t count = counts[static_cast<std::size_t>(id)];
    bytes_of[static_cast<std::size_t>(id)] = bytes;
    if (count == 0) {
      s.unused.push_back(id);
      continue;
    }
    found.push_back({id, count});
    if (bytes > 0) s.lengths[std::min(bytes, TokenStatistics::kLengths) - 1] += count;
  }
  s.used = found.size();
  s.most_frequent = first_of(found, listed, [](const TokenFrequency& a, const TokenFrequency& b) {
    return a.count != b.count ? a.count > b.count : a.id < b.id;
  });
  s.longest =
      first_of(std::move(found), listed, [&](const TokenFrequency& a, const TokenFrequency& b) {
        const std::size_t left = bytes_of[static_cast<std::size_t>(a.id)];
        const std::size_t right = bytes_of[static_cast<std::size_t>(b.id)];
        return left != right ? left > right : a.id < b.id;
      });
  return s;
}

}  // namespace stemma::report
