// Tokenizers whose ids are easy to see.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>

#include "tests/base/temporary_folder.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer.h"

namespace stemma {

// The 256 bytes and <|endoftext|>.
inline std::shared_ptr<const Tokenizer> byte_tokenizer() {
  BpeTrainer trainer({.vocab_size = 257});
  trainer.add_document("a");
  return trainer.train();
}

// Letters as pieces: "cab" is c ##a ##b. Framed as BERT's, [CLS] A [SEP] B [SEP].
inline constexpr std::int32_t kPad = 0, kUnknown = 1, kClass = 2, kSeparator = 3, kMask = 4;
inline constexpr std::int32_t letter(char c) { return 5 + (c - 'a'); }      // at a word's start
inline constexpr std::int32_t inner(char c) { return 5 + 26 + (c - 'a'); }  // inside one

inline std::shared_ptr<const Tokenizer> letter_tokenizer() {
  const ::TemporaryFolder folder;
  std::ofstream vocab(folder / "vocab.txt");
  vocab << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char c = 'a'; c <= 'z'; ++c) vocab << c << "\n";
  for (char c = 'a'; c <= 'z'; ++c) vocab << "##" << c << "\n";
  vocab.close();
  return open_tokenizer(folder.path().string());
}

}  // namespace stemma
