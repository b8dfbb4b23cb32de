// Training batches and evaluation batches from a split of packed data.
//
//   Sampler sampler(data.train(), {.sequence_length = 1024, .seed = 1});
//   std::int64_t tokens = sampler.targets_in(step * 32, 32);  // of the whole step, known before it
//   sampler.fill(step * 32, 4, 0, batch);                     // its first 4 sequences
//   sampler.fill(step * 32 + 4, 4, 4, batch);                 // the next 4
//
// Sampling is a pure function of (split, options, sequence number): the whole state of a run is the
// number of the next sequence, and any way of cutting a step into batches gives the same sequences.
// Sequence number i is window permuted(i mod n, n, seed, epoch) of epoch i / n, n = windows():
// every window once an epoch, in another order each time.
//
// Packing::stream: the documents, each after its end-of-text token, are one ring of S tokens
// (split.h). A window is sequence_length (T) tokens of it, the targets are the tokens after each;
// attention crosses documents. n = S / T rounded down; the windows of an epoch begin at
// shift + k T with a shift that is a hash of (seed, epoch), so they differ between epochs. In one
// epoch no token is a target twice, and fewer than T are none.
//
// Packing::documents: a document with its end-of-text before it is a sequence of its own, positions
// from 0, cut into several where it is longer than T; its last target is the end-of-text after it
// (a tokenizer without one: the last token has no target and is left out). A window is as many
// consecutive documents as fit T tokens; it may hold fewer than T. The windows are the same in
// every epoch; their order is not.
//
// Both classes are immutable after construction and may be used by several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "data/split.h"
#include "tensor/batch.h"

namespace stemma {

enum class Packing { stream, documents };

// "stream", "documents". Throws invalid_argument for another name.
Packing parse_packing(std::string_view name);
std::string_view to_string(Packing packing);

struct SamplerOptions {
  std::int64_t sequence_length = 0;  // T, in tokens
  std::uint64_t seed = 0;
  Packing packing = Packing::stream;
};

class DocumentWindows;  // documents laid into windows: sampler.cc

class Sampler {
 public:
  // Throws invalid_argument (options), corrupt (no training data, or fewer than T + 1 tokens).
  Sampler(std::shared_ptr<const Split> split, SamplerOptions options);

  std::int64_t windows() const { return windows_; }  // per epoch
  const SamplerOptions& options() const { return options_; }

  // Replaces `batch` by windows first, first + 1, ... first + count - 1. `first_number` is the
  // number of the first window in its training step, for Batch.numbers: with Packing::stream the
  // number of each sequence is its window's, with Packing::documents its window's times T plus the
  // place of its first token in the window. Throws invalid_argument (negative arguments), corrupt
  // (damaged shard).
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number, Batch& batch) const;
  // How many targets those windows have.
  std::int64_t targets_in(std::int64_t first, std::int64_t count) const;

 private:
  struct Place {
    std::uint64_t epoch = 0;
    std::int64_t window = 0;
  };
  Place place_of(std::int64_t sequence) const;
  std::int64_t shift_of(std::uint64_t epoch) const;

  std::shared_ptr<const Split> split_;
  SamplerOptions options_;
  std::int64_t windows_ = 0;
  std::shared_ptr<const DocumentWindows> documents_;  // Packing::documents only
};

// The windows of a split in order, without overlap: every token is a target once, but the first
// end-of-text, and the end-of-text after the last document is one too. With Packing::documents
// likewise, each document alone. The last window may be shorter than T.
class EvaluationWindows {
 public:
  // At most about `limit_tokens` targets (at least one window), 0: all of them. An empty split has
  // no windows. Throws invalid_argument (options, limit).
  EvaluationWindows(std::shared_ptr<const Split> split, SamplerOptions options,
                    std::int64_t limit_tokens);

  std::int64_t windows() const { return windows_; }
  void fill(std::int64_t first, std::int64_t count, Batch& batch) const;
  std::int64_t targets_in(std::int64_t first, std::int64_t count) const;
  // Bytes of text that the targets of all windows stand for (Dataset::token_byte_counts):
  // bits per byte = sum of nats / ln 2 / this.
  std::int64_t text_bytes(const std::vector<std::uint32_t>& token_byte_counts) const;

 private:
  void check(std::int64_t first, std::int64_t count) const;

  std::shared_ptr<const Split> split_;
  SamplerOptions options_;
  std::int64_t targets_ = 0;  // of the whole split
  std::int64_t windows_ = 0;
  std::shared_ptr<const DocumentWindows> documents_;
};

}  // namespace stemma
