// Trains a byte-level BPE tokenizer: it counts the pieces of a corpus, then merges the most
// frequent pair of tokens again and again (Sennrich et al. 2016; bytes and pieces as in GPT-2).
//
//   BpeTrainer trainer({.vocab_size = 4096});
//   trainer.add_document(text);                      // or add_text() in chunks + end_document()
//   std::shared_ptr<const BpeTokenizer> tokenizer = trainer.train();
//   tokenizer->save("tokenizer");
//
// Of equally frequent pairs the one with the lower left id wins, then the one with the lower right
// id. Ids are the 256 bytes in GPT-2's order, then the merges in order, then the special tokens.
// The merges are those of Hugging Face `tokenizers` (BpeTrainer with the ByteLevel pre-tokenizer
// and its alphabet, trained on the same documents). They do not depend on the number of threads,
// the order of the documents or the chunks. Counts have 64 bits.
//
// Memory: `memory_bytes` for the distinct pieces and their pairs; the documents that are being read
// come on top. Counts stay exact when the pieces need more, because they spill to disk
// (training/piece_counter.h). Only when the distinct pieces are too many to be merged in
// `memory_bytes`, the rarest are left out: all that occur fewer times than the least count with
// which the rest fits. dropped() says which; otherwise nothing is dropped.
//
// One thread calls a trainer. Throws device where pieces must go to disk and cannot.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/training/piece_counter.h"

namespace stemma::bpe_training {
class PairMerger;
}

namespace stemma {

struct BpeTrainerOptions {
  std::int32_t vocab_size = 32768;  // bytes and special tokens included
  std::uint64_t min_frequency = 2;  // of a pair, to be merged
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
  const split::Splitter* splitter = &split::gpt2_splitter();  // not owned
  bool lowercase = false;                                     // text is put in lower case first
  std::uint64_t memory_bytes = std::uint64_t{2} << 30;
  std::filesystem::path spill_folder = std::filesystem::temp_directory_path();
};

class BpeTrainer {
 public:
  // Throws invalid_argument: vocab_size below 256 + special tokens or above 2^24, a special token
  // that is empty, a single byte, not UTF-8 or there twice.
  explicit BpeTrainer(BpeTrainerOptions options = {});

  // The next bytes of the document; chunks of any size give the same result. (A piece above 1 MiB
  // is cut where the chunk ends.)
  void add_text(std::string_view text);
  // Pieces never reach across documents.
  void end_document();
  // Both, for a whole document.
  void add_document(std::string_view text);

  // Counts whole documents on all workers. next(text) replaces `text` by the next document or
  // returns false at the end; it is called on any worker, on one at a time. After an exception, of
  // next() too, the trainer is of no more use.
  using NextDocument = std::function<bool(std::string& text)>;
  void add_documents(Workers& workers, const NextDocument& next);

  // progress(merges done, merges wanted) is called about a hundred times and returns whether to go
  // on; where it does not, the result is null. The vocabulary is smaller than wanted when no pair
  // is frequent enough. Throws invalid_argument when no text was added, when train() was called
  // before, and when not even the most frequent pieces fit into `memory_bytes`.
  using Progress = std::function<bool(std::int64_t done, std::int64_t wanted)>;
  std::shared_ptr<const bpe::BpeTokenizer> train(const Progress& progress = {});

  // Of the corpus, known after train().
  std::uint64_t pieces() const { return pieces_; }
  std::uint64_t distinct_pieces() const { return distinct_pieces_; }
  // Of these, the ones that were left out because of `memory_bytes`: all below `min_count`.
  struct Dropped {
    std::uint64_t min_count = 1, distinct_pieces = 0, pieces = 0;
  };
  const Dropped& dropped() const { return dropped_; }

 private:
  // The text that is split.
  std::string normalized(std::string_view text) const;
  // Counts all pieces of `text`, which is normalized, but the last `held` ones; returns where those
  // begin.
  std::size_t count_pieces(bpe_training::PieceTally& tally, std::string_view text,
                           std::size_t held) const;
  void count_document(bpe_training::PieceTally& tally, std::string_view text) const;
  void fill(bpe_training::PairMerger& merger);

  BpeTrainerOptions options_;
  std::string pending_;           // the end of the document so far, whose pieces are not certain
  std::string partial_;           // what may become a character after it
  std::size_t wanted_bytes_ = 0;  // of pending_, before it is split again
  std::unique_ptr<bpe_training::PieceCounter> counter_;
  std::unique_ptr<bpe_training::PieceTally> tally_;  // of add_text() and add_document()
  std::uint64_t pieces_ = 0, distinct_pieces_ = 0;
  Dropped dropped_;
};

}  // namespace stemma
