// Finds names in a text, those of added or special tokens: leftmost-longest matching, that is the
// first position at which a name begins, and there the longest one.
//
//   const NameFinder finder({{"<|user|>", 400}, {"gadget", 401}});
//   finder.find("a gadget");          // [2, 8), 401
//
// Time is at most the size of the text times the length of the longest name; more names cost a
// binary search among the sorted names. Immutable: any thread. Private to text/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma::lookup {

class NameFinder {
 public:
  // (name, id); no name is empty.
  explicit NameFinder(std::vector<std::pair<std::string, std::int32_t>> names);

  struct Found {
    std::size_t begin = 0, end = 0;  // in the text
    std::int32_t id = 0;
  };
  // The first match at or after `from`.
  std::optional<Found> find(std::string_view text, std::size_t from = 0) const;

  bool empty() const { return names_.empty(); }
  // In bytes; 0 without names.
  std::size_t longest_name() const { return longest_name_; }

 private:
  // The longest name that begins at `place`.
  std::optional<Found> name_at(std::string_view text, std::size_t place) const;

  std::vector<std::pair<std::string, std::int32_t>> names_;  // sorted, for binary search
  std::array<bool, 256> begins_name_{};
  std::size_t longest_name_ = 0;
};

}  // namespace stemma::lookup
