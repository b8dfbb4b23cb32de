#include "text/lookup/name_finder.h"

#include <algorithm>

namespace stemma::lookup {

NameFinder::NameFinder(std::vector<std::pair<std::string, std::int32_t>> names)
    : names_(std::move(names)) {
  for (const auto& [name, id] : names_) {
    begins_name_[static_cast<unsigned char>(name.front())] = true;
    longest_name_ = std::max(longest_name_, name.size());
  }
  std::ranges::sort(names_);
}

std::optional<NameFinder::Found> NameFinder::name_at(std::string_view text,
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

std::optional<NameFinder::Found> NameFinder::find(std::string_view text, std::size_t from) const {
  if (names_.empty()) return std::nullopt;
  for (std::size_t place = from; place < text.size(); ++place)
    if (begins_name_[static_cast<unsigned char>(text[place])])
      if (const auto found = name_at(text, place)) return found;
  return std::nullopt;
}

}  // namespace stemma::lookup
