// What the tests of grammars share: tokens, masks as sets of ids, a text token by token.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"
#include "text/grammar/token_table.h"

namespace stemma::grammar {

inline Json parsed(std::string_view text) { return Json::parse(text, "test"); }
inline SharedGrammar schema_of(std::string_view text) { return schema_grammar(parsed(text)); }

// Tokens of these bytes; the last id ends a text.
inline std::shared_ptr<const TokenTable> tokens_of(std::vector<std::string> bytes) {
  bytes.emplace_back();
  const std::int32_t end = static_cast<std::int32_t>(bytes.size()) - 1;
  return std::make_shared<const TokenTable>(bytes, std::vector<std::int32_t>{end});
}

inline std::shared_ptr<const MaskCache> masks_of(SharedGrammar grammar,
                                                 std::shared_ptr<const TokenTable> tokens) {
  return std::make_shared<const MaskCache>(std::move(grammar), std::move(tokens));
}

inline std::set<std::int32_t> allowed_ids(const Matcher& matcher, const TokenTable& tokens) {
  std::vector<std::uint32_t> bits(tokens.mask_words() + 1, ~0u);
  matcher.allowed(bits);
  std::set<std::int32_t> ids;
  for (std::size_t i = 0; i < bits.size() * 32; ++i)
    if ((bits[i / 32] >> i % 32 & 1) != 0) ids.insert(static_cast<std::int32_t>(i));
  return ids;
}

}  // namespace stemma::grammar
