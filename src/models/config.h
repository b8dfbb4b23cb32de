// The numbers that define one model: which member of the family it is, its sizes, and how it
// starts. Read and written as Hugging Face's config.json by checkpoint/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/attention.h"
#include "kernels/matmul.h"

namespace stemma {

// What of a text the head of a task looks at: one vector for the whole text, or the states of
// chosen tokens.
enum class HeadInput : std::uint8_t {
  last,    // the state of the last token (Radford et al. 2018)
  first,   // of the first token
  mean,    // the mean of all states
  pooler,  // of the first token, through BERT's pooler (Devlin et al. 2018)
  tokens   // the state of each token that is to be labelled
};

// A linear layer that scores texts, or their tokens, for a task: classes, tags, candidates, a
// number.
struct TaskHeadConfig {
  std::string name;          // of one of several heads on a trunk; empty: the only one
  std::int64_t outputs = 0;  // K
  HeadInput input = HeadInput::last;
  bool bias = false;

  // "class_head", "tag_head.ner": its parameters are `<this>.weight` [K, C] and `<this>.bias` [K].
  std::string parameter() const;
  bool operator==(const TaskHeadConfig&) const = default;
};

struct ModelConfig {
  std::string family;  // a name of models/family.h; stated, never inferred from the rest

  std::int64_t vocab = 0;       // V
  std::int64_t context = 0;     // T, the most positions
  std::int64_t channels = 0;    // C, the width of the residual stream
  std::int64_t layers = 0;      // L
  std::int64_t heads = 0;       // H, query heads
  std::int64_t kv_heads = 0;    // G, key-value heads; 0: as many as heads
  std::int64_t head_width = 0;  // D; 0: channels / heads
  std::int64_t hidden = 0;      // F, of the feed-forward
  std::int64_t segments = 0;    // rows of the table of segments (BERT); 0: none
  bool causal = true;           // a token sees those before it only; otherwise its whole text
  kernels::Activation activation = kernels::Activation::gelu_tanh;
  double norm_eps = 1e-5;
  // Attention scores are divided by sqrt(D), and by the layer's number from 1 (Mistral's GPT-2).
  bool scale_scores = true, scale_scores_by_layer = false;
  double rotary_base = 10000;  // of families with rotary positions (Su et al. 2021)
  // Which earlier tokens each layer's attention sees, one entry a layer; empty: dense everywhere.
  std::vector<kernels::AttentionPattern> patterns;

  // Heads (models/model.h).
  bool token_head = true;  // otherwise the model has states only: a bare encoder
  bool tied_head = true;   // the token head is the token embedding
  bool head_bias = false;  // of the token head; in the GPT layouts only with an untied one
  bool pooler = false, pair_head = false;  // BERT's, of the first token
  std::vector<TaskHeadConfig> task_heads;  // of a fine-tuned model

  double embedding_dropout = 0, attention_dropout = 0, residual_dropout = 0;

  // Initialisation: weights N(0, weight_std), positions N(0, position_std); with scaled_residual
  // the matrices that write to the residual stream N(0, weight_std / sqrt(2 L)) (Radford et al.
  // 2019, 2.3).
  double weight_std = 0.02, position_std = 0.02;
  bool scaled_residual = true;

  std::int64_t groups() const { return kv_heads > 0 ? kv_heads : heads; }
  std::int64_t head_size() const { return head_width > 0 ? head_width : channels / heads; }
  std::int64_t attention_width() const { return heads * head_size(); }

  kernels::AttentionPattern pattern(std::int64_t layer) const {
    return patterns.empty() ? kernels::AttentionPattern{}
                            : patterns[static_cast<std::size_t>(layer)];
  }

  // Throws invalid_argument naming the field: a size < 1 or absurdly large, channels that the heads
  // do not divide, a head size above 256, dropout outside [0, 1), patterns for another number of
  // layers, a family that does not exist or that cannot be built with the rest (models/family.h).
  void validate() const;
};

}  // namespace stemma
