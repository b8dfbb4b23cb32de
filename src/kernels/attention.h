// Scaled dot-product attention over packed sequences (Vaswani et al. 2017, section 3.2.1), without
// a T×T matrix in memory (Dao et al. 2022, "FlashAttention").
//
// Queries may have more heads than keys and values: query head h reads key-value head h / (H / G)
// (Ainslie et al. 2023, "GQA"). A pattern lets a query see only some of the keys before it (Child
// et al. 2019, "Sparse Transformers"), and the cost follows it.
//
// Contract of the forward pass: keys are visited in fixed chunks of kKeyChunk, counted from the
// start of the sequence; a chunk gives its own (max, sum of exponentials, weighted sum of values),
// and chunks are merged in ascending order. Scores are one multiply-add chain over D ascending,
// weighted sums one chain over the keys of the chunk ascending; masked keys weigh exactly 0. A
// chunk in which a query sees no key is skipped for that query; the first one in which it sees a
// key is taken as it is, without a merge. So an output row depends on its query and the keys it
// sees only, whether it is computed in a long prefill or alone in a decode step.
//
// Contract of the backward pass: for each chunk of keys, ascending, dk and dv of a key-value head
// are sums over fixed chunks of kKeyChunk queries, ascending. Within one chunk of queries they are
// one multiply-add chain over the query heads of the group ascending, and for each head over its
// queries ascending. dq is summed over the chunks of keys, ascending.
//
// What a chunk is in each pattern:
//   dense, local  kKeyChunk consecutive keys, counted from the start of the sequence.
//   dilated       The positions r, r + k, r + 2k, ... are a sequence of their own, a stripe, for
//                 each residue r = position mod k. A chunk is kKeyChunk consecutive keys (in the
//                 backward pass also: queries) of one stripe, counted from the stripe's start.
//   strided       A key is in one of two parts. First come the chunks of the query's stripe, as in
//                 dilated, without the query's own key; then the chunks of the local window, which
//                 holds that key. Gradients get the whole sum of the first part, then the second's.
// So dilated with k = 1 and local with k ≥ T give the bits of dense.
//
// Rows outside the sequences are neither read nor written. f32 and bf16 run vector kernels of
// kernel_path(), f64 the reference. Throws invalid_argument naming the argument that does not fit.
//
//   const AttentionSequence one{.query_end = 5, .keys = 5};  // a prompt of 5 tokens
//   const AttentionSpec spec{.heads = 2, .kv_heads = 1, .head_size = 8, .scale = 0.3535f};
//   attention_forward(stream, spec, {q, k, v, {&one, 1}, out, lse});
#pragma once

#include <cstdint>
#include <span>

#include "base/philox.h"
#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

inline constexpr std::int64_t kKeyChunk = 256;
inline constexpr std::int64_t kKeyPanel = 32;  // keys of a panel in a cache (AttentionForward)

// Which of the keys j ≤ i a query at position i sees. Everything but dense asks for `causal`.
struct AttentionPattern {
  enum class Kind : std::uint8_t {
    dense,    // all
    local,    // i − j < k, a sliding window
    dilated,  // (i − j) mod k = 0
    strided,  // either of the two
  };
  Kind kind = Kind::dense;
  std::int64_t k = 256;  // ≥ 1; dense does not read it
};

struct AttentionSpec {
  std::int64_t heads = 1;      // H, of queries
  std::int64_t kv_heads = 0;   // G, of keys and values; divides H; 0: as many as queries have
  std::int64_t head_size = 0;  // D ≤ 256
  bool causal = true;          // otherwise every query sees every key of its sequence
  AttentionPattern pattern;
  float scale = 0;  // usually 1/sqrt(D)
  // Dropout of attention weights: weight (head, query, key) is kept when
  // uniform(philox(key, {key index / 4, query position, sequence number, step}))[key index % 4] ≥
  // p, then divided by 1 - p; the philox key is dropout_key with `head` added to its high word.
  float dropout = 0;
  PhiloxKey dropout_key{};
  std::uint32_t dropout_step = 0;

  std::int64_t key_value_heads() const { return kv_heads == 0 ? heads : kv_heads; }
  // Query heads that read one key-value head.
  std::int64_t group() const { return heads / key_value_heads(); }
};

// One sequence's rows in the packed tensors.
struct AttentionSequence {
  std::int64_t query_begin = 0, query_end = 0;  // rows of q and out
  std::int64_t keys = 0;                        // keys the sequence has in all
  std::int64_t first_position = 0;  // position of the first query; causal: sees keys ≤ it
  std::int64_t number = 0;          // dropout counter
  std::int64_t key_begin = 0;       // row of key 0 in k and v; a cache does not read it
  // In a cache: the pages that hold its keys, in the order of their positions.
  std::span<const std::int32_t> pages = {};
};

// q [Nq, H*D], k and v [Nk, G*D] (views with a row stride are fine), all f32, all bf16 or all f64;
// out [Nq, H*D] f32 or bf16 (f64). lse [Nq, H] f32 (f64), optional: log of the sum of exponentials,
// for backward. scores, weights [Nq, H, max keys] f32 (f64), optional: scaled scores before the
// mask and softmax weights; asking for either runs the reference kernel.
//
// With page_keys, k and v [P·G·page_keys, D] are a cache of P pages for page_keys keys each, and
// new_k and new_v [Nq, G·D], of q's type, hold the keys and values of the queries' own tokens: they
// are written to their places in the cache first. A cache has q's type, or bf16 beside f32 queries:
// what is written is rounded, and all queries read what was rounded. Key j of a sequence lies in
// its page number j / page_keys, which several sequences may share as long as none writes there. A
// page is a multiple of kKeyChunk keys, so that a chunk lies in one page; a sequence of a single
// page may have pages of any multiple of kKeyPanel. A page holds one head after the other, so that
// a query reads consecutive memory. Values are rows of their head. Keys lie as a product wants
// them, in panels: channel d of key j of the page is element (j / kKeyPanel · D + d) · kKeyPanel +
// j mod kKeyPanel of its head. Patterns that read keys far apart (dilated, strided) have rows of
// keys too, and sequences of a single page. The results have the bits of the same keys and values
// as rows.
struct AttentionForward {
  Tensor q, k, v;
  std::span<const AttentionSequence> sequences;
  Tensor out, lse, scores, weights;
  std::int64_t page_keys = 0;
  Tensor new_k, new_v;
};
void attention_forward(Stream& stream, const AttentionSpec& spec, const AttentionForward& args);

// Self-attention only: every key row is also a query row (key_begin = query_begin, keys = query_end
// - query_begin, first_position = 0). dout [N, H*D] f32 (f64). dq [N, H*D], dk and dv [N, G*D] f32
// (f64), views with a row stride are fine; overwritten, or added to where their `add` says so. All
// three or none.
struct AttentionBackward {
  Tensor dout, q, k, v, out, lse;
  std::span<const AttentionSequence> sequences;
  GradientOut dq, dk, dv;
};
void attention_backward(Stream& stream, const AttentionSpec& spec, const AttentionBackward& args);

// Scalar code, every variant, f32, bf16 and f64.
void attention_forward_reference(Stream& stream, const AttentionSpec& spec,
                                 const AttentionForward& args);
void attention_backward_reference(Stream& stream, const AttentionSpec& spec,
                                  const AttentionBackward& args);

}  // namespace stemma::kernels
