// A hash table from the bytes of a token to its id.
//
//   TokenTable table(50257);
//   table.insert(" the", 262);
//   table.find(" the");           // 262
//   table.find("xq");             // -1: no such token
//
// Open addressing with linear probing, and a one-byte tag of each hash in an array of its own, as
// in a Swiss table: an encoder mostly asks for strings that are no tokens, and for 100,000 tokens
// 256 KiB of tags, which fit in an L2 cache, answer 99 % of those questions. Tokens of up to
// kMaxWordBytes are keys themselves (word_key.h); longer ones lie in a second table that compares
// the bytes.
//
// The table owns copies of the bytes. Several threads may read it at once; a writer needs it alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/large_pages.h"
#include "text/lookup/word_key.h"

namespace stemma::lookup {

class TokenTable {
 public:
  // expected: how many tokens there will be; more are no error.
  explicit TokenTable(std::size_t expected = 0);

  // -1 where there is no such token.
  std::int32_t find(std::string_view bytes) const {
    return find(bytes, bytes.data() + bytes.size());
  }
  // `end`: memory may be read up to here, which makes loading a short token faster.
  std::int32_t find(std::string_view bytes, const char* end) const {
    if (bytes.size() > kMaxWordBytes) return find_long(bytes);
    return find(WordKey::of(bytes.data(), bytes.size(), end));
  }
  std::int32_t find(const WordKey& key) const {
    const std::uint64_t hash = key.hash();
    const std::uint8_t tag = tag_of(hash);
    for (std::size_t slot = hash >> shift_;; ++slot) {
      const std::uint8_t slot_tag = tags_[slot & mask_];
      if (slot_tag == tag && words_[slot & mask_].key == key) return words_[slot & mask_].id;
      if (slot_tag == 0) return -1;
    }
  }

  // The token must be new and not empty.
  void insert(std::string_view bytes, std::int32_t id);

 private:
  struct Word {
    WordKey key;
    std::int32_t id = -1;
  };
  // A token above kMaxWordBytes; its bytes are in long_bytes_.
  struct Long {
    std::uint64_t hash = 0;
    std::size_t begin = 0, size = 0;
    std::int32_t id = -1;
  };

  // The tag of a word: eight bits of its hash that depend on all of its bytes, made odd, because 0
  // marks a free slot.
  static std::uint8_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint8_t>(hash >> 24 | 1);
  }
  static std::uint64_t hash_of_long(std::string_view bytes);
  std::int32_t find_long(std::string_view bytes) const;
  void insert_long(std::string_view bytes, std::int32_t id);
  void insert_word(const WordKey& key, std::int32_t id);
  void resize_words(std::size_t slots);

  LargeVector<std::uint8_t> tags_;
  LargeVector<Word> words_;  // as many as tags_: a power of two, at most half full
  std::size_t mask_ = 0;
  int shift_ = 0;
  std::size_t word_count_ = 0;

  std::vector<Long> longs_;  // a power of two, at most half full
  std::string long_bytes_;
  std::size_t long_count_ = 0, longest_ = 0;
};

}  // namespace stemma::lookup
