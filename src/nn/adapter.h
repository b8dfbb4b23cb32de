// Adapters: small trained parts beside the frozen weights of a model, as data. A linear layer asks
// the pass for what belongs to it by name; a model file sees nothing of it.
//
//   low rank     y += scale · B (A x)            LoRA (Hu et al. 2021)
//                y += scale · B (E ∘ (A x))      AdaLoRA (Zhang et al. 2023)
//   bottleneck   y += U act(D y + d) + u         adapters (Houlsby et al. 2019)
//   prefix       keys and values of every layer that stand before those of a sequence (prefix
//                tuning: Li and Liang 2021)
//   prompt       rows that stand before the token embeddings (prompt tuning: Lester et al. 2021)
//
// Passes of the last two see virtual tokens (nn/virtual_tokens.h).
//
//   const Adapter adapter(source, spec);
//   const Adapters adapters{{&adapter}};
//   model->forward({ctx, batch, state, &adapters});
//
// Several adapters serve one batch: batch.adapters says which each sequence has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernels/matmul.h"
#include "nn/weight_source.h"
#include "tensor/batch.h"

namespace stemma::nn {

// A low-rank change of some rows of a matrix: of a part of a fused one (q of q, k, v), or of all.
struct LowRankSpec {
  std::string linear;  // "blocks.0.attention.qkv"
  std::string part;    // "q"; empty: the whole matrix
  std::int64_t first_row = 0, rows = 0, in = 0;
  std::int64_t rank = 0;
  double scale = 1;

  // Its parameters are `<this>.a` [rank, in], `<this>.b` [rows, rank] and, of AdaLoRA, `<this>.e`
  // [rank, 1].
  std::string name() const;
};

// A bottleneck behind a linear layer with `channels` outputs.
struct BottleneckSpec {
  std::string linear;
  std::int64_t channels = 0, width = 0;
  // `<this>.down.weight` [width, channels], `.down.bias`, `.up.weight` [channels, width],
  // `.up.bias`
  std::string name() const;
};

struct AdapterSpec {
  enum class Kind : std::uint8_t { lora, adalora, bottleneck, prefix, prompt } kind = Kind::lora;
  std::vector<LowRankSpec> low_rank;
  std::vector<BottleneckSpec> bottlenecks;
  // Of a prefix or a prompt: P, and the columns of its table. A prefix has for each layer G·D of
  // the key, then G·D of the value; a prompt has C.
  std::int64_t virtual_tokens = 0, columns = 0;
  kernels::Activation activation = kernels::Activation::gelu_tanh;  // of bottlenecks
  float dropout = 0;  // of what goes into A, in training
};

// All parameters of an adapter begin with this.
inline constexpr std::string_view kAdapterPrefix = "adapter.";
// The table of a prefix or a prompt [P, columns].
inline constexpr std::string_view kVirtualTokens = "adapter.virtual_tokens";

class Adapter {
 public:
  // A LoRA changes nothing when it is fresh: B is 0 (AdaLoRA: E; a bottleneck: its second matrix).
  // A prefix or a prompt begins with small random numbers.
  Adapter(WeightSource& source, const AdapterSpec& spec);
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  const AdapterSpec& spec() const { return spec_; }

  struct LowRank {
    const LowRankSpec* spec = nullptr;
    Weight a, b;
    Tensor e;  // AdaLoRA
  };
  struct Bottleneck {
    Weight down, up;
    Tensor down_bias, up_bias;
  };
  struct OfLinear {
    std::vector<LowRank> low_rank;
    std::vector<Bottleneck> bottlenecks;
  };
  // What belongs to a linear layer; null: nothing.
  const OfLinear* of(std::string_view linear) const;
  // [P, columns] of a prefix or a prompt, empty otherwise.
  const Tensor& virtual_tokens() const { return virtual_tokens_; }

 private:
  AdapterSpec spec_;
  Tensor virtual_tokens_;
  std::unordered_map<std::string, OfLinear> of_linear_;
};

// What a pass knows of adapters. A sequence b of the batch has list[batch.adapters[b]], or none
// where that is -1; a batch without such numbers has list[0] everywhere.
struct Adapters {
  std::vector<const Adapter*> list;

  bool touches(std::string_view linear) const;
  // Whether one of them is of that kind.
  bool has(AdapterSpec::Kind kind) const;
  // What sequence b of the batch has; null: none.
  const Adapter* of_sequence(const Batch& batch, std::size_t b) const;
};

// The rows of a batch that have adapter `index`; nullopt-like `all` where every row has it.
struct AdapterRows {
  bool all = false;
  std::vector<std::int32_t> rows;
};
AdapterRows rows_with(const Batch& batch, std::size_t index);

}  // namespace stemma::nn
