#include "text/training/piece_table.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::bpe_training {

PieceTable::PieceTable(int first_bit, std::size_t slots)
    : slots_(slots), first_bit_(first_bit), shift_(64 - std::countr_zero(slots)) {}

void PieceTable::add(const PieceKey& key, std::uint64_t count) {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot_index = slot_of(key.hash);; slot_index = (slot_index + 1) & mask) {
    Slot& slot = slots_[slot_index];
    if (slot.count == 0) {
      slot = {stored_key(key), count};
      if (4 * ++size_ > 3 * slots_.size()) grow();
      return;
    }
    if (holds(slot, key)) {
      slot.count += count;
      return;
    }
  }
}

lookup::WordKey PieceTable::stored_key(const PieceKey& key) {
  if (!key.is_long()) return key.key;
  const auto size = static_cast<LongSize>(key.piece.size());
  if (size != key.piece.size())
    throw Error(ErrorCode::unsupported,
                fmt::format("[bpe_trainer] a piece without a break of {} bytes; at most 4 GiB",
                            key.piece.size()));
  long_pieces_.append(reinterpret_cast<const char*>(&size), sizeof size);
  const std::size_t begin = long_pieces_.size();
  long_pieces_.append(key.piece);
  return {begin, key.key.high};
}

void PieceTable::clear() {
  std::ranges::fill(slots_, Slot{});
  long_pieces_.clear();
  size_ = 0;
}

void PieceTable::grow() {
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  --shift_;
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.count == 0) continue;
    const bool is_long = slot.key.high >= PieceKey::kLong;
    std::size_t slot_index = slot_of(is_long ? slot.key.high << 8 : slot.key.hash());
    while (slots_[slot_index].count != 0) slot_index = (slot_index + 1) & mask;
    slots_[slot_index] = slot;
  }
}

}  // namespace stemma::bpe_training
