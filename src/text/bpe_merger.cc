#include "text/bpe_merger.h"

#include <algorithm>
#include <bit>

namespace stemma {
namespace {

constexpr std::uint64_t kNoPair = ~std::uint64_t{0};

}  // namespace

BpeMerger::Memory::Memory(std::size_t text_size)
    : places_(std::clamp<std::size_t>(std::bit_ceil(text_size / 4), 16, 1 << 16)) {}

void BpeMerger::Memory::start() {
  has_given_up_ = false;
  if (pairs_.empty()) pairs_.assign(places_, kNoPair);
}

BpeMerger::BpeMerger(const BpeVocabulary& vocabulary)
    : rules_(vocabulary), trees_(rules_, vocabulary.tokens.size()), prefixes_(vocabulary, rules_) {
  const TokenList& tokens = vocabulary.tokens;
  const std::vector<bool> special = vocabulary.special_ids();
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!special[id]) filter_.add(tokens[id]);
}

void BpeMerger::encode(std::string_view piece, std::vector<std::int32_t>& ids, Memory& memory,
                       const char* end) const {
  const std::int32_t id = rules_.find(piece, end);
  if (id >= 0 && (rules_.keeps_whole_pieces() || trees_.is_own_encoding(id, piece, end)))
    ids.push_back(id);
  else
    encode_part(piece, ids, memory, end);
}

void BpeMerger::encode_part(std::string_view part, std::vector<std::int32_t>& ids, Memory& memory,
                            const char* end) const {
  if (part.size() <= kMaxWordBytes)
    rules_.merge_word(part, ids);
  else
    search(part, ids, memory, end);
}

// Only looked for between characters.
std::size_t BpeMerger::part_end(std::string_view piece, std::size_t begin) const {
  for (std::size_t at = begin + 1; at < piece.size(); ++at)
    if ((piece[at] & 0xC0) != 0x80 && !filter_.may_cross(at - begin, piece.size() - at, &piece[at]))
      return at;
  return piece.size();
}

// The left one is its own encoding.
bool BpeMerger::may_follow(const Neighbours& pair, std::size_t left_size, Memory& memory,
                           const char* end) const {
  const std::string_view right = pair.bytes.substr(left_size);
  if (!filter_.may_cross(left_size, right.size(), right.data()))
    return trees_.is_own_encoding(pair.right, right, end);
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
  memory.start();
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
      if (!trees_.is_own_encoding(id, piece.substr(place, size), end)) continue;
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
