// Trains a byte-level BPE tokenizer: counts the pieces of a corpus, then merges the most frequent
// pair of tokens again and again (Sennrich et al. 2016; bytes and pieces as in GPT-2).
//
//   BpeTrainer trainer({.vocab_size = 4096});
//   trainer.add_document(text);                      // or add_text() in chunks + end_document()
//   std::shared_ptr<const BpeTokenizer> tokenizer = trainer.train();
//   tokenizer->save("tokenizer");
//
// Of equally frequent pairs the one with the lower left id wins, then the lower right id; ids are
// the 256 bytes in GPT-2's order, then the merges in order, then the special tokens. The merges are
// those of Hugging Face `tokenizers` (BpeTrainer with ByteLevel pre-tokenizer and alphabet, trained
// on the same documents). Memory: the distinct pieces and their pairs, not the corpus. Not for
// several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe_tokenizer.h"

namespace stemma {

struct BpeTrainerOptions {
  std::int32_t vocab_size = 32768;  // bytes and special tokens included
  std::uint64_t min_frequency = 2;  // of a pair, to be merged
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
};

class BpeTrainer {
 public:
  // Throws invalid_argument: vocab_size below 256 + special tokens or above 2^24, a special token
  // that is empty, a single byte or there twice.
  explicit BpeTrainer(BpeTrainerOptions options = {});

  // The next bytes of the document; chunks of any size give the same result. (A piece above 1 MiB
  // is cut where the chunk ends.)
  void add_text(std::string_view text);
  // Pieces never reach across documents.
  void end_document();
  // Both, for a whole document.
  void add_document(std::string_view text);

  std::uint64_t pieces() const { return pieces_; }
  std::size_t distinct_pieces() const { return words_.size(); }

  // progress(merges done, merges wanted) is called about a hundred times. The vocabulary is smaller
  // than wanted when no pair is frequent enough. Throws invalid_argument when no text was added.
  using Progress = std::function<void(std::int64_t done, std::int64_t wanted)>;
  std::shared_ptr<const BpeTokenizer> train(const Progress& progress = {});

 private:
  // Counts all pieces of `text` but the last `held` ones; returns where those begin.
  std::size_t count_pieces(std::string_view text, std::size_t held);

  BpeTrainerOptions options_;
  std::string pending_;  // the end of the document so far, whose pieces are not certain
  std::uint64_t pieces_ = 0;
  StringMap<std::size_t> words_;           // piece → its place in counts_
  std::vector<const std::string*> order_;  // pieces as first seen: nothing hangs on hash order
  std::vector<std::uint64_t> counts_;
};

}  // namespace stemma
