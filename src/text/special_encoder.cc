#include "text/special_encoder.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/suggest.h"
#include "text/encode_batch.h"

namespace stemma {
namespace {

std::int32_t id_of_special(const Tokenizer& tokenizer, const std::string& wanted) {
  for (const auto& [name, id] : tokenizer.special_tokens()) {
    if (name != wanted) continue;
    if (const std::string_view flag = tokenizer.flag_of_special(id); !flag.empty())
      throw Error(
          ErrorCode::unsupported,
          fmt::format("[tokenizer] special token '{}' has {} in its file, which changes the "
                      "ids beside it and cannot be followed: put its id {} there yourself",
                      wanted, flag, id));
    return id;
  }
  const std::vector<std::string> known = special_names(tokenizer);
  const std::string hint = did_you_mean(wanted, known);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[tokenizer] '{}' is no special token of this tokenizer{}", wanted,
                          !hint.empty()   ? hint
                          : known.empty() ? ", which has none"
                                          : fmt::format(", which has {}, the first '{}'",
                                                        known.size(), known.front())));
}

std::vector<std::pair<std::string, std::int32_t>> ids_of_specials(
    const Tokenizer& tokenizer, std::span<const std::string> names) {
  std::vector<std::pair<std::string, std::int32_t>> specials;
  for (const std::string& name : names) specials.emplace_back(name, id_of_special(tokenizer, name));
  return specials;
}

}  // namespace

std::vector<std::string> allowed_names(const Tokenizer& tokenizer,
                                       std::span<const std::string> names) {
  if (names.size() == 1 && names.front() == "all") return special_names(tokenizer);
  return {names.begin(), names.end()};
}

std::vector<std::string> special_names(const Tokenizer& tokenizer) {
  std::vector<std::string> names;
  for (const auto& [name, id] : tokenizer.special_tokens()) names.push_back(name);
  return names;
}

SpecialEncoder::SpecialEncoder(const Tokenizer& tokenizer, std::span<const std::string> allowed)
    : tokenizer_(tokenizer), finder_(ids_of_specials(tokenizer, allowed)) {}

template <class Encode>
void SpecialEncoder::encode_between(std::string_view text, std::vector<std::int32_t>& ids,
                                    Encode encode) const {
  std::size_t begin = 0;
  for (;;) {
    const std::optional<Found> found = find(text, begin);
    if (!found.has_value()) break;
    encode(text.substr(begin, found->begin - begin));
    ids.push_back(found->id);
    begin = found->end;
  }
  encode(text.substr(begin));
}

void SpecialEncoder::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  encode_between(text, ids, [&](std::string_view between) { tokenizer_.encode(between, ids); });
}

void SpecialEncoder::encode(std::string_view text, Workers& workers,
                            std::vector<std::int32_t>& ids) const {
  encode_between(text, ids, [&](std::string_view between) {
    encode_parallel(tokenizer_, between, workers, ids);
  });
}

}  // namespace stemma
