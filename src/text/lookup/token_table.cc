#include "text/lookup/token_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace stemma::lookup {

TokenTable::TokenTable(std::size_t expected) : longs_(16) {
  resize_words(std::bit_ceil(std::max<std::size_t>(2 * expected, 16)));
}

void TokenTable::insert(std::string_view bytes, std::int32_t id) {
  if (bytes.size() > kMaxWordBytes) {
    insert_long(bytes, id);
    return;
  }
  if (2 * (word_count_ + 1) > words_.size()) resize_words(2 * words_.size());
  insert_word(WordKey::of(bytes), id);
  ++word_count_;
}

void TokenTable::insert_word(const WordKey& key, std::int32_t id) {
  const std::uint64_t hash = key.hash();
  std::size_t slot = hash >> shift_;
  while (tags_[slot & mask_] != 0) ++slot;
  tags_[slot & mask_] = tag_of(hash);
  words_[slot & mask_] = {key, id};
}

void TokenTable::resize_words(std::size_t slots) {
  const auto tags = std::exchange(tags_, LargeVector<std::uint8_t>(slots));
  const auto words = std::exchange(words_, LargeVector<Word>(slots));
  mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
  for (std::size_t i = 0; i < words.size(); ++i)
    if (tags[i] != 0) insert_word(words[i].key, words[i].id);
}

std::uint64_t TokenTable::hash_of_long(std::string_view bytes) {
  std::uint64_t hash = bytes.size();
  std::size_t at = 0;
  for (; at + kMaxWordBytes < bytes.size(); at += kMaxWordBytes)
    hash = std::rotl(hash, 23) ^
           WordKey::of(bytes.data() + at, kMaxWordBytes, bytes.data() + bytes.size()).hash();
  hash = std::rotl(hash, 23) ^ WordKey::of(bytes.substr(at)).hash();
  return hash * 0x9E3779B97F4A7C15u;
}

std::int32_t TokenTable::find_long(std::string_view bytes) const {
  if (bytes.size() > longest_) return -1;
  const std::uint64_t hash = hash_of_long(bytes);
  for (std::size_t slot = hash >> 32;; ++slot) {
    const Long& there = longs_[slot & (longs_.size() - 1)];
    if (there.id < 0) return -1;
    if (there.hash == hash && there.size == bytes.size() &&
        long_bytes_.compare(there.begin, there.size, bytes) == 0)
      return there.id;
  }
}

void TokenTable::insert_long(std::string_view bytes, std::int32_t id) {
  const auto insert_into = [](std::vector<Long>& longs, const Long& added) {
    std::size_t slot = added.hash >> 32;
    while (longs[slot & (longs.size() - 1)].id >= 0) ++slot;
    longs[slot & (longs.size() - 1)] = added;
  };
  if (2 * ++long_count_ > longs_.size()) {
    std::vector<Long> larger(2 * longs_.size());
    for (const Long& there : longs_)
      if (there.id >= 0) insert_into(larger, there);
    longs_ = std::move(larger);
  }
  insert_into(longs_, {hash_of_long(bytes), long_bytes_.size(), bytes.size(), id});
  long_bytes_.append(bytes);
  longest_ = std::max(longest_, bytes.size());
}

}  // namespace stemma::lookup
