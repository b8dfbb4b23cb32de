#include "text/special_encoder.h"

#include <algorithm>

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
    : tokenizer_(tokenizer) {
  for (const std::string& name : allowed) {
    names_.emplace_back(name, id_of_special(tokenizer, name));
    begins_name_[static_cast<unsigned char>(name.front())] = true;
  }
  std::ranges::sort(names_);
}

std::optional<SpecialEncoder::Found> SpecialEncoder::name_at(std::string_view text,
                                                             std::size_t place) const {
  std::optional<Found> longest;
  auto first = names_.begin(), last = names_.end();  // the names that begin as the text does
  for (std::size_t length = 1; first != last && place + length <= text.size(); ++length) {
    const auto byte_of = [&](const auto& name) {
      return static_cast<unsigned char>(name.first[length - 1]);
    };
    const auto byte = static_cast<unsigned char>(text[place + length - 1]);
    const auto range = std::ranges::equal_range(first, last, byte, {}, byte_of);
    first = range.begin();
    last = range.end();
    // The name that ends here comes before those that go on.
    for (; first != last && first->first.size() == length; ++first)
      longest = {place, place + length, first->second};
  }
  return longest;
}

std::optional<SpecialEncoder::Found> SpecialEncoder::find(std::string_view text,
                                                          std::size_t from) const {
  for (std::size_t place = from; place < text.size(); ++place)
    if (begins_name_[static_cast<unsigned char>(text[place])])
      if (const auto found = name_at(text, place)) return found;
  return std::nullopt;
}

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
