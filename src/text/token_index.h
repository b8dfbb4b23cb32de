// The ids of tokens by their bytes: an open-addressing table that keeps no bytes of its own, so
// that a vocabulary loads fast.
//
//   TokenIndex index(50257);
//   index.insert(" the", 262, tokens);      // tokens[262] is set by the caller
//   index.find(" the", tokens);             // 262
//
// `tokens` is the list by id that the index belongs to, the same in every call. Not for several
// threads at once while it is written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma {

class TokenIndex {
 public:
  explicit TokenIndex(std::size_t expected = 0) : slots_(16) {
    while (slots_.size() < 2 * expected) slots_.resize(2 * slots_.size());
  }

  // -1 where there is no such token.
  std::int32_t find(std::string_view bytes, const std::vector<std::string>& tokens) const {
    const std::uint64_t hash = std::hash<std::string_view>()(bytes);
    for (std::size_t place = hash;; ++place) {
      const Slot& slot = slots_[place & (slots_.size() - 1)];
      if (slot.id < 0) return -1;
      if (slot.check == static_cast<std::uint32_t>(hash >> 32) && tokens[slot.id] == bytes)
        return slot.id;
    }
  }

  // The token must be new.
  void insert(std::string_view bytes, std::int32_t id, const std::vector<std::string>& tokens) {
    if (2 * ++size_ > slots_.size()) {
      const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
      for (const Slot& slot : old)
        if (slot.id >= 0) place(tokens[slot.id], slot.id);
    }
    place(bytes, id);
  }

 private:
  struct Slot {
    std::uint32_t check = 0;  // the upper half of the hash
    std::int32_t id = -1;
  };

  void place(std::string_view bytes, std::int32_t id) {
    const std::uint64_t hash = std::hash<std::string_view>()(bytes);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<std::uint32_t>(hash >> 32), id};
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t size_ = 0;
};

}  // namespace stemma
