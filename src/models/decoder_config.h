// The numbers that define a decoder of the family. Read and written as Hugging Face's config.json
// by checkpoint/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/matmul.h"

namespace stemma {

struct DecoderConfig {
  // Where the norms of a block stand: after the residual addition (GPT-1) or before the sublayer,
  // with a final norm (GPT-2 on).
  enum class NormPlacement : std::uint8_t { post, pre };

  std::int64_t vocab = 0;     // V
  std::int64_t context = 0;   // T, learned positions
  std::int64_t channels = 0;  // C
  std::int64_t heads = 0;     // H
  std::int64_t layers = 0;    // L
  std::int64_t hidden = 0;    // F, usually 4 C
  NormPlacement norm = NormPlacement::pre;
  kernels::Activation activation = kernels::Activation::gelu_tanh;
  double norm_eps = 1e-5;
  bool tied_head = true;   // the head is the token embedding
  bool head_bias = false;  // only with an untied head

  double embedding_dropout = 0, attention_dropout = 0, residual_dropout = 0;

  // Initialisation: weights N(0, weight_std), positions N(0, position_std); with scaled_residual
  // the matrices that write to the residual stream N(0, weight_std / sqrt(2 L)) (Radford et al.
  // 2019, 2.3).
  double weight_std = 0.02, position_std = 0.02;
  bool scaled_residual = true;

  std::int64_t head_size() const { return channels / heads; }
  // All parameters; those of the position embedding.
  std::int64_t parameters() const;
  std::int64_t position_parameters() const { return context * channels; }
  // Model FLOP of one token of a training step: 6 · (P − position embeddings) + 6 · L · T · C.
  double training_flop_per_token(std::int64_t sequence) const;

  // Throws invalid_argument naming the field: a size < 1 or absurdly large, channels not a multiple
  // of heads, head size > 256, hidden < 1, dropout outside [0, 1).
  void validate() const;
  // Throws out_of_memory when the machine has less free memory than this many bytes for each
  // parameter: memory that the system promises and has not would end the process without a word.
  void require_memory(double bytes_per_parameter) const;
};

// A published size: "gpt1", "gpt2" (also "gpt2-124m", "gpt2-117m"), "gpt2-355m" ("gpt2-345m",
// "gpt2-medium"), "gpt2-774m" ("gpt2-762m", "gpt2-large"), "gpt2-1558m" ("gpt2-1542m", "gpt2-xl").
// Throws not_found, listing the names.
DecoderConfig published_config(std::string_view name);

}  // namespace stemma
