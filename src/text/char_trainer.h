// Trains a character tokenizer: it counts the characters of a corpus and gives ids to the most
// frequent ones.
//
//   CharTrainer trainer({.vocab_size = 1000});
//   trainer.add_document(text);
//   trainer.train()->save("tokenizer");
//
// Ids are the 256 bytes, then characters above U+007F by descending count (of equal counts the
// lower code point first), then the special tokens. Memory: 8 bytes for each of the 0x110000 code
// points. Not for several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/characters/char_tokenizer.h"

namespace stemma {

struct CharTrainerOptions {
  std::int32_t vocab_size = 32768;  // at most: bytes and special tokens included
  std::uint64_t min_frequency = 1;  // of a character, to have an id
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
};

class CharTrainer {
 public:
  // Throws invalid_argument: vocab_size below 256 + special tokens, check_special_names().
  explicit CharTrainer(CharTrainerOptions options = {});

  // Invalid UTF-8 is passed over: bytes always have ids.
  void add_document(std::string_view text);

  // Characters above U+007F that were seen.
  std::size_t distinct_characters() const;
  std::shared_ptr<const characters::CharTokenizer> train() const;

 private:
  CharTrainerOptions options_;
  std::vector<std::uint64_t> counts_;  // by character
};

}  // namespace stemma
