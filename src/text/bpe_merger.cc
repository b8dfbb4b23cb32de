#include "text/bpe_merger.h"

#include <algorithm>

namespace stemma {
namespace {

constexpr std::uint64_t kNoPair = ~std::uint64_t{0};

}  // namespace

BpeMerger::Memory::Memory(std::size_t text_size)
    : pairs_(std::clamp<std::size_t>(std::bit_ceil(text_size / 4), 16, 1 << 16), kNoPair) {}

BpeMerger::BpeMerger(const BpeVocabulary& vocabulary)
    : rules_(vocabulary), trees_(vocabulary, rules_), prefixes_(vocabulary, rules_) {
  const TokenList& tokens = vocabulary.tokens;
  std::vector<bool> special(tokens.size());
  for (const auto& [name, id] : vocabulary.special_tokens) special[id] = true;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (special[id] || tokens[id].empty()) continue;
    filter_.add(tokens[id]);
    if (!trees_.is_own_encoding(static_cast<std::int32_t>(id))) has_foreign_ = true;
  }
}

void BpeMerger::encode(std::string_view piece, std::vector<std::int32_t>& ids, Memory& memory,
                       const char* end) const {
  const std::int32_t id = rules_.find(piece, end);
  if (id >= 0 && (rules_.by_tokens() || trees_.is_own_encoding(id)))
    ids.push_back(id);
  else if (piece.size() <= kMaxWordBytes && static_cast<signed char>(piece.back()) >= 0)
    rules_.merge_word(piece, ids);
  else
    search(piece, ids, memory, end);
}

// Only looked for between characters, and not where a whole piece can be a token that its parts do
// not make.
std::size_t BpeMerger::part_end(std::string_view piece, std::size_t begin) const {
  if (has_foreign_) return piece.size();
  for (std::size_t at = begin + 1; at < piece.size(); ++at)
    if ((piece[at] & 0xC0) != 0x80 && !filter_.may_cross(at - begin, piece.size() - at, &piece[at]))
      return at;
  return piece.size();
}

bool BpeMerger::may_follow(const Neighbours& pair, std::size_t left_size, Memory& memory,
                           const char* end) const {
  if (!has_foreign_ &&
      !filter_.may_cross(left_size, pair.bytes.size() - left_size, pair.bytes.data() + left_size))
    return true;
  // Ids are below 2^31: two of them and the answer fill 63 bits.
  const std::uint64_t key =
      (static_cast<std::uint64_t>(pair.left) << 31 | static_cast<std::uint64_t>(pair.right)) << 1;
  std::uint64_t& entry = memory.entry_of(key);
  if ((entry & ~std::uint64_t{1}) != key)
    entry = key | static_cast<std::uint64_t>(trees_.stay_apart(pair, end));
  return (entry & 1) != 0;
}

// There is only one sequence from the start of the piece to a place, so that what led to a place
// need not be told apart when the place is given up.
void BpeMerger::search(std::string_view piece, std::vector<std::int32_t>& ids, Memory& memory,
                       const char* end) const {
  const std::size_t first = ids.size();
  memory.has_given_up_ = false;
  std::size_t place = 0, longest = piece.size();
  while (place < piece.size()) {
    if (longest == 0) {
      memory.give_up(place, piece.size());
      longest = rules_.size_of(ids.back()) - 1;
      place -= longest + 1;
      ids.pop_back();
      continue;
    }
    const auto [id, size] = prefixes_.longest(piece.substr(place, longest), end);
    longest = size - 1;
    if (memory.gave_up(place + size)) continue;
    if (ids.size() == first) {
      if (!trees_.is_own_encoding(id)) continue;
    } else {
      const std::size_t before = rules_.size_of(ids.back());
      if (!may_follow({ids.back(), id, piece.substr(place - before, before + size)}, before, memory,
                      end))
        continue;
    }
    ids.push_back(id);
    place += size;
    longest = piece.size() - place;
  }
}

}  // namespace stemma
