// A hash table that counts how often each piece of a text occurs, in little memory. Private to
// text/.
//
//   PieceTable table;
//   table.add(PieceKey::of(" the", end_of_text), 1);
//   table.for_each([](std::string_view piece, std::uint64_t count) { ... });
//
// Open addressing with linear probing; a slot has 24 bytes, and at most three quarters of the slots
// are used. Pieces of up to 15 bytes lie in their slot, longer ones in one block of memory beside
// the slots. Several threads may read a table at once; a writer needs it alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "text/lookup/word_key.h"

namespace stemma::bpe_training {

// A piece with its key and hash, computed once for both tables that it goes through. The key of a
// long piece is kLong and the hash in `high`; `low` is unused.
struct PieceKey {
  std::string_view piece;
  lookup::WordKey key;
  std::uint64_t hash = 0;

  static constexpr std::uint64_t kLong = std::uint64_t{0xFF} << 56;

  // `end`: memory may be read up to here; at least the end of the piece.
  static PieceKey of(std::string_view piece, const char* end) {
    if (piece.size() <= lookup::kMaxWordBytes) {
      const lookup::WordKey key = lookup::WordKey::of(piece.data(), piece.size(), end);
      return {piece, key, key.hash()};
    }
    const std::uint64_t hash = hash64(piece) << 8;
    return {piece, {0, kLong | hash >> 8}, hash};
  }
  static PieceKey of(std::string_view piece) { return of(piece, piece.data() + piece.size()); }

  bool is_long() const { return key.high >= kLong; }
};

class PieceTable {
 public:
  // `first_bit`: the slot of a piece depends on the bits of its hash below the highest `first_bit`
  // ones, which are the same for all pieces of a partition. `slots`: a power of two; the table
  // grows.
  explicit PieceTable(int first_bit = 0, std::size_t slots = 64);

  // Adds `count` to the piece's count. Counts are ≥ 1, sums are below 2^64, the piece is not empty.
  void add(const PieceKey& key, std::uint64_t count);
  void prefetch(const PieceKey& key) const { __builtin_prefetch(&slots_[slot_of(key.hash)]); }

  std::size_t size() const { return size_; }
  std::size_t slots() const { return slots_.size(); }
  // The memory of the pieces that are too long for their slot.
  std::size_t long_bytes() const { return long_pieces_.size(); }
  std::size_t memory_bytes() const {
    return slots_.capacity() * sizeof(Slot) + long_pieces_.capacity();
  }

  // use(piece, count), in no particular order.
  template <class Use>
  void for_each(Use&& use) const {
    for (const Slot& slot : slots_)
      if (slot.count > 0) use(piece_of(slot), slot.count);
  }
  // Removes all pieces and keeps the number of slots.
  void clear();

 private:
  struct Slot {
    lookup::WordKey key;  // for a long piece, `low` is its offset in long_pieces_, after its size
    std::uint64_t count = 0;
  };
  using LongSize = std::uint32_t;

  std::size_t slot_of(std::uint64_t hash) const {
    return static_cast<std::size_t>((hash << first_bit_) >> shift_);
  }
  bool holds(const Slot& slot, const PieceKey& key) const {
    if (slot.key.high != key.key.high) return false;
    return key.is_long() ? piece_of(slot) == key.piece : slot.key.low == key.key.low;
  }
  std::string_view piece_of(const Slot& slot) const {
    if (slot.key.high < PieceKey::kLong)
      return {reinterpret_cast<const char*>(&slot.key), slot.key.high >> 56};
    LongSize size = 0;
    std::memcpy(&size, long_pieces_.data() + slot.key.low - sizeof size, sizeof size);
    return {long_pieces_.data() + slot.key.low, size};
  }
  lookup::WordKey stored_key(const PieceKey& key);
  void grow();

  std::vector<Slot> slots_;  // at most three quarters full
  std::string long_pieces_;
  std::size_t size_ = 0;
  int first_bit_ = 0, shift_ = 0;
};

}  // namespace stemma::bpe_training
