// Attention backward, vectorised: a task is one head of one sequence. With P = exp(S - lse)
// computed again from q and k (Dao et al. 2022, algorithm 4), delta = rowsum(dout ∘ out):
//   dV = Pᵀ dO,  dP = dO Vᵀ,  dS = P ∘ (dP - delta) · scale,  dQ = dS K,  dK = dSᵀ Q.
#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/cpu/attention_internal.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/highway_paths.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_backward.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/attention_tile-inl.h"

#ifndef STEMMA_KERNELS_CPU_ATTENTION_BACKWARD_
#define STEMMA_KERNELS_CPU_ATTENTION_BACKWARD_
namespace stemma::kernels::attention {
namespace {

struct BackwardJob {
  Rows q, k, v, out, dout, lse, dq, dk, dv;
  bool add_dq, add_dk, add_dv;
  std::int64_t size;  // D
  std::int64_t tokens;
  bool causal;
  float scale;
  DropoutJob dropout;
};

// Scratch memory of one worker: where each part begins, in floats.
struct BackwardScratch {
  std::int64_t k_columns, v_columns, k_panels, q_panels, dout_panels;  // a chunk, packed
  std::int64_t q_tile, dout_tile;                                      // a chunk, as a tile
  std::int64_t weights, dscores, dq;                                   // a tile of queries
  std::int64_t dk, dv, dk_chunk, dv_chunk;  // a chunk of keys: all queries, one chunk of them
  std::int64_t bits, delta, total;

  BackwardScratch(std::int64_t size, std::int64_t tokens) {
    constexpr std::int64_t kStride = kKeyChunk + 16, kTile = 48;
    const std::int64_t padded = (size + 31) / 32 * 32;
    std::int64_t at = 0;
    const auto take = [&](std::int64_t floats) {
      const std::int64_t begin = at;
      at += (floats + 15) / 16 * 16;
      return begin;
    };
    for (std::int64_t* columns : {&k_columns, &v_columns}) *columns = take(kKeyChunk * size);
    for (std::int64_t* panels :
         {&k_panels, &q_panels, &dout_panels, &dk, &dv, &dk_chunk, &dv_chunk})
      *panels = take(kKeyChunk * padded);
    for (std::int64_t* chunk : {&q_tile, &dout_tile}) *chunk = take(kKeyChunk * kStride);
    for (std::int64_t* tile : {&weights, &dscores, &dq}) *tile = take(kTile * kStride);
    bits = take(kKeyChunk);
    delta = take(tokens);
    total = at;
  }
};

}  // namespace
}  // namespace stemma::kernels::attention
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {
namespace {

using attention::BackwardJob;
using attention::BackwardScratch;

template <class Out>
void row_products(const BackwardJob& job, float* delta) {
  const F32 d;
  const std::size_t size = static_cast<std::size_t>(job.size);
  for (Index i = 0; i < job.tokens; ++i) {
    const float* dout = row_at<float>(job.dout, i);
    const Out* out = row_at<Out>(job.out, i);
    Sum<F32> sum;
    for_vectors(d, size, [&](std::size_t part, std::size_t c, std::size_t n) HWY_ATTR {
      sum.part[part] = hn::MulAdd(load(d, dout + c, n), load(d, out + c, n), sum.part[part]);
    });
    delta[i] = sum.total();
  }
}

// What one query's row of scores and of dP = dO·V becomes: weights (after dropout) and dS. Both are
// 0 for the keys [visible, limit).
HWY_INLINE void gradient_row(const BackwardJob& job, float lse, float delta, Index visible,
                             Index limit, const std::uint32_t* bits, float* scores,
                             float* dweights) {
  const F32 d;
  const auto scale = hn::Set(d, job.scale), lses = hn::Set(d, lse), deltas = hn::Set(d, delta);
  const auto factor = hn::Set(d, job.dropout.factor);
  for (Index j = 0; j < limit; j += kVectorLanes) {
    const Index live = visible - j;
    const auto seen = hn::FirstN(d, live > 0 ? static_cast<std::size_t>(live) : 0);
    const auto score = hn::Mul(hn::Load(d, scores + j), scale);
    const auto weight = hn::IfThenElseZero(seen, exp(d, hn::Sub(score, lses)));
    auto dropped = weight, dweight = hn::Load(d, dweights + j);
    if (job.dropout.on) {
      const auto keep = kept(job.dropout, bits + j);
      dropped = hn::IfThenElseZero(keep, hn::Mul(weight, factor));
      dweight = hn::IfThenElseZero(keep, hn::Mul(dweight, factor));
    }
    const auto dscore = hn::Mul(hn::Mul(weight, hn::Sub(dweight, deltas)), scale);
    hn::Store(dropped, d, scores + j);
    hn::Store(hn::IfThenElseZero(seen, dscore), d, dweights + j);
  }
}

HWY_INLINE void write_row(const float* from, float* to, Index size, bool add) {
  const F32 d;
  for (Index c = 0; c < size; c += kVectorLanes) {
    const std::size_t n = static_cast<std::size_t>(size - c);
    const auto v = load(d, from + c, n);
    store(d, add ? hn::Add(load(d, to + c, n), v) : v, to + c, n);
  }
}

// Queries [first_query + tile, + rows) against the packed chunk of `keys` keys.
void backward_tile(const BackwardJob& job, const BackwardScratch& at, float* memory,
                   Index first_query, Index tile, Index rows, Index first_key, Index keys) {
  const Index query = first_query + tile;
  const Index limit = job.causal ? smaller(keys, query + rows - first_key) : keys;
  const Index padded = round_up(job.size, kPanel), panels = padded / kPanel;
  const Index key_panels = round_up(limit, kPanel) / kPanel, key_step = job.size * kPanel;
  constexpr Index kStep = kKeyChunk * kPanel;
  float *weights = memory + at.weights, *dscores = memory + at.dscores, *dq = memory + at.dq;
  std::uint32_t* bits = reinterpret_cast<std::uint32_t*>(memory + at.bits);
  multiply<Lies::rows>(rows, key_panels,
                       {job.size, memory + at.q_tile + tile * kTileStride, memory + at.k_columns,
                        key_step, weights, kTileStride, false});
  multiply<Lies::rows>(rows, key_panels,
                       {job.size, memory + at.dout_tile + tile * kTileStride, memory + at.v_columns,
                        key_step, dscores, kTileStride, false});
  for (Index r = 0; r < rows; ++r) {
    const Index visible = job.causal ? smaller(limit, query + r + 1 - first_key) : limit;
    if (job.dropout.on) random_bits(job.dropout, query + r, first_key, limit, bits);
    gradient_row(job, *row_at<float>(job.lse, query + r), memory[at.delta + query + r], visible,
                 limit, bits, weights + r * kTileStride, dscores + r * kTileStride);
  }
  multiply<Lies::transposed>(limit, panels,
                             {rows, weights, memory + at.dout_panels + tile * kPanel, kStep,
                              memory + at.dv_chunk, padded, true});
  multiply<Lies::transposed>(limit, panels,
                             {rows, dscores, memory + at.q_panels + tile * kPanel, kStep,
                              memory + at.dk_chunk, padded, true});
  multiply<Lies::rows>(rows, panels,
                       {limit, dscores, memory + at.k_panels, kStep, dq, kTileStride, false});
  for (Index r = 0; r < rows; ++r)
    write_row(dq + r * kTileStride, static_cast<float*>(job.dq.data) + (query + r) * job.dq.stride,
              job.size, job.add_dq || first_key > 0);
}

HWY_INLINE void zero(float* p, Index n) {
  const F32 d;
  for (Index i = 0; i < n; i += kVectorLanes) hn::Store(hn::Zero(d), d, p + i);
}

HWY_INLINE void add(const float* from, Index n, float* to) {
  const F32 d;
  for (Index i = 0; i < n; i += kVectorLanes)
    hn::Store(hn::Add(hn::Load(d, to + i), hn::Load(d, from + i)), d, to + i);
}

}  // namespace

void attention_gradient(const attention::BackwardJob& job, const attention::BackwardScratch& at,
                        float* memory) {
  const Index size = job.size, padded = round_up(size, kPanel);
  job.out.narrow ? row_products<bf16>(job, memory + at.delta)
                 : row_products<float>(job, memory + at.delta);
  for (Index first_key = 0; first_key < job.tokens; first_key += kKeyChunk) {
    const Index keys = smaller(kKeyChunk, job.tokens - first_key);
    pack_transposed(job.k, first_key, keys, size, memory + at.k_columns);
    pack_transposed(job.v, first_key, keys, size, memory + at.v_columns);
    pack_panels(job.k, first_key, keys, size, memory + at.k_panels);
    zero(memory + at.dk, keys * padded);
    zero(memory + at.dv, keys * padded);
    for (Index query = job.causal ? first_key : 0; query < job.tokens; query += kKeyChunk) {
      const Index queries = smaller(kKeyChunk, job.tokens - query);
      pack_tile(job.q, query, queries, size, memory + at.q_tile);
      pack_tile(job.dout, query, queries, size, memory + at.dout_tile);
      pack_panels(job.q, query, queries, size, memory + at.q_panels);
      pack_panels(job.dout, query, queries, size, memory + at.dout_panels);
      zero(memory + at.dk_chunk, keys * padded);
      zero(memory + at.dv_chunk, keys * padded);
      for (Index tile = 0; tile < queries; tile += kTileRows)
        backward_tile(job, at, memory, query, tile, smaller(kTileRows, queries - tile), first_key,
                      keys);
      add(memory + at.dk_chunk, keys * padded, memory + at.dk);
      add(memory + at.dv_chunk, keys * padded, memory + at.dv);
    }
    for (Index j = 0; j < keys; ++j) {
      const Index row = first_key + j;
      write_row(memory + at.dk + j * padded, static_cast<float*>(job.dk.data) + row * job.dk.stride,
                size, job.add_dk);
      write_row(memory + at.dv + j * padded, static_cast<float*>(job.dv.data) + row * job.dv.stride,
                size, job.add_dv);
    }
  }
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels::attention {
namespace {

BackwardJob job_of(const AttentionSpec& spec, const AttentionBackward& args, const Task& task) {
  const std::int64_t row = task.sequence->query_begin;
  const auto head = [&](const Tensor& t) { return Rows(t, row, task.head * spec.head_size); };
  return {.q = head(args.q),
          .k = head(args.k),
          .v = head(args.v),
          .out = head(args.out),
          .dout = head(args.dout),
          .lse = Rows(args.lse, row, task.head),
          .dq = head(args.dq.tensor),
          .dk = head(args.dk.tensor),
          .dv = head(args.dv.tensor),
          .add_dq = args.dq.add,
          .add_dk = args.dk.add,
          .add_dv = args.dv.add,
          .size = spec.head_size,
          .tokens = task.end,
          .causal = spec.causal,
          .scale = spec.scale,
          .dropout = DropoutJob(spec, task)};
}

}  // namespace

void backward_vector(Stream& stream, const AttentionSpec& spec, const AttentionBackward& args) {
  const std::vector<Task> tasks =
      split(spec, args.sequences, std::numeric_limits<std::int64_t>::max());
  std::int64_t tokens = 0;
  for (const Task& task : tasks) tokens = std::max(tokens, task.end);
  const BackwardScratch at(spec.head_size, tokens);
  const auto gradient = STEMMA_PICK_PATH(attention_gradient);
  const auto range = [&](std::int64_t begin, std::int64_t end, int worker) {
    const cpu::FlushDenormals flush;
    float* memory = reinterpret_cast<float*>(
        stream.scratch(worker, static_cast<std::size_t>(at.total) * sizeof(float)));
    for (std::int64_t t = begin; t < end; ++t)
      gradient(job_of(spec, args, tasks[static_cast<std::size_t>(t)]), at, memory);
  };
  stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1, range);
}

}  // namespace stemma::kernels::attention
#endif
