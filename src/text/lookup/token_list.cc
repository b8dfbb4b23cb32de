#include "text/lookup/token_list.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::lookup {

std::string_view token_of(const TokenList& tokens, std::int32_t id) {
  const bool in_range = id >= 0 && static_cast<std::size_t>(id) < tokens.size();
  if (!in_range || tokens[static_cast<std::size_t>(id)].empty())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[tokenizer] token id {} is {}; the vocabulary has {} ids", id,
                            in_range ? "unused" : "out of range", tokens.size()));
  return tokens[static_cast<std::size_t>(id)];
}

}  // namespace stemma::lookup
