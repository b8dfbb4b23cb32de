// What a model costs: parameters, FLOP, bytes read and memory, all derived from the list of its
// parameters and the sizes of its attention.
//
//   const ModelCost cost(config);
//   cost.parameters();                      // 124,439,808 for GPT-2's smallest
//   cost.decode_flop(1, 1024);              // of one new token after 1,024 tokens of context
#pragma once

#include <cstdint>

#include "models/config.h"

namespace stemma {

class ModelCost {
 public:
  // Throws invalid_argument (config.validate()).
  explicit ModelCost(const ModelConfig& config);

  std::int64_t parameters() const { return parameters_; }
  std::int64_t position_parameters() const { return positions_; }
  // Token, position and segment embeddings and the heads: all that a block or a norm does not have.
  std::int64_t embedding_parameters() const { return embeddings_; }
  std::int64_t block_parameters() const { return parameters_ - embeddings_; }

  // Model FLOP of one token of a training step over sequences of T tokens:
  // 6 · (P − position embeddings) + 6 · L · T · C. Recomputation is not counted. A layer with a
  // sparse pattern has the keys that it sees in place of T / 2, here as in all that follows. A
  // token of a model that is not causal sees twice as many others, 12 · L · T · C; segments count
  // as positions do, and so does the token embedding of a model without a token head: rows are only
  // looked up. Its heads count for the 15 % of the tokens that masked training asks them for.
  double training_flop_per_token(std::int64_t sequence) const;
  // Model FLOP of one inference step. Per token 2 · block parameters + 4 · L · C · context, and
  // 2 · V · C where the head runs: for each sequence's last token. In a prefill token t has a
  // context of t + 1. A prefill of a model that is not causal is its states: each token has the
  // context of all, and no head runs.
  double prefill_flop(std::int64_t batch, std::int64_t tokens) const;
  double decode_flop(std::int64_t batch, std::int64_t context) const;

  // Bytes that one decode step of a batch reads, everything once: matrices at `matrix_bytes` an
  // element, vectors in f32, and the cached keys and values of batch · (context + 1) tokens at
  // `cache_bytes` an element. Of a table or an untied embedding only single rows are read.
  double decode_bytes(double matrix_bytes, double cache_bytes, std::int64_t batch,
                      std::int64_t context) const;
  // Keys and values of one token in all layers, in elements.
  std::int64_t cache_elements_per_token() const;

  // Throws out_of_memory when the machine has less free memory than this many bytes for each
  // parameter: memory that the system promises and has not would end the process without a word.
  void require_memory(double bytes_per_parameter) const;

 private:
  // The keys that the tokens at positions [first, end) see, summed over tokens and layers, without
  // their own: those before them, or, where a token sees its whole text, all others of [0, end).
  double keys_before_of(std::int64_t first, std::int64_t end) const;
  double width() const { return static_cast<double>(config_.attention_width()); }

  ModelConfig config_;
  std::int64_t parameters_ = 0, positions_ = 0, embeddings_ = 0;
  std::int64_t looked_up_ = 0;  // the token embedding, where no head multiplies with it
  std::int64_t multiplied_ = 0, vectors_ = 0;  // elements that every decode step reads
  double head_flop_;                           // of one row
};

// Throws out_of_memory when the machine has less free memory than `bytes`, which that many
// parameters need.
void require_free_memory(std::int64_t parameters, double bytes);

}  // namespace stemma
