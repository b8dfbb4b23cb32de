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

// Scratch memory of one worker.
struct BackwardScratch {
  float *k_columns, *v_columns, *k_panels;             // a chunk of keys, packed
  float *q_tile, *dout_tile, *q_panels, *dout_panels;  // a chunk of queries, packed
  float *weights, *dscores, *dq;                       // a tile of queries
  float *dk, *dv, *dk_chunk, *dv_chunk;  // a chunk of keys: over all queries, over a chunk of them
  float* delta;                          // of every query
  std::uint32_t* bits;                   // of one query's dropout
  std::size_t bytes;

  BackwardScratch(float* memory, std::int64_t size, std::int64_t tokens) {
    Carver carver(memory);
    const std::int64_t padded = (size + 31) / 32 * 32;
    for (float** part : {&k_columns, &v_columns}) *part = carver.take(kKeyChunk * size);
    for (float** part : {&k_panels, &q_panels, &dout_panels, &dk, &dv, &dk_chunk, &dv_chunk})
      *part = carver.take(kKeyChunk * padded);
    for (float** part : {&q_tile, &dout_tile}) *part = carver.take(kKeyChunk * kTileStride);
    for (float** part : {&weights, &dscores, &dq}) *part = carver.take(kTileRows * kTileStride);
    bits = reinterpret_cast<std::uint32_t*>(carver.take(kKeyChunk));
    delta = carver.take(tokens);
    bytes = carver.bytes();
  }
};

// Rows [begin, begin + rows) of the chunk of queries at first_query, against keys
// [first_key, first_key + keys).
struct BackwardTile {
  std::int64_t first_query, begin, rows, first_key, keys;
};

// What a row of gradients needs of its query.
struct BackwardRow {
  float lse, delta;
  std::int64_t visible, limit;  // keys of the chunk that it sees, and that the tile works on
  const std::uint32_t* bits;
};

}  // namespace
}  // namespace stemma::kernels::attention
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {
namespace {

using attention::BackwardJob;
using attention::BackwardRow;
using attention::BackwardScratch;
using attention::BackwardTile;

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
HWY_INLINE void gradient_row(const BackwardJob& job, const BackwardRow& row, float* scores,
                             float* dweights) {
  const F32 d;
  const auto scale = hn::Set(d, job.scale), lses = hn::Set(d, row.lse);
  const auto deltas = hn::Set(d, row.delta);
  const auto factor = hn::Set(d, job.dropout.factor);
  for (Index j = 0; j < row.limit; j += kVectorLanes) {
    const Index live = row.visible - j;
    const auto seen = hn::FirstN(d, live > 0 ? static_cast<std::size_t>(live) : 0);
    const auto score = hn::Mul(hn::Load(d, scores + j), scale);
    const auto weight = hn::IfThenElseZero(seen, exp(d, hn::Sub(score, lses)));
    auto dropped = weight, dweight = hn::Load(d, dweights + j);
    if (job.dropout.on) {
      const auto keep = kept(job.dropout, row.bits + j);
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

void backward_tile(const BackwardJob& job, const BackwardScratch& scratch,
                   const BackwardTile& tile) {
  const Index query = tile.first_query + tile.begin, rows = tile.rows;
  const Index limit = job.causal ? smaller(tile.keys, query + rows - tile.first_key) : tile.keys;
  const Index padded = round_up(job.size, kPanel), panels = padded / kPanel;
  const Index key_panels = round_up(limit, kPanel) / kPanel, key_step = job.size * kPanel;
  constexpr Index kStep = kKeyChunk * kPanel;
  float *weights = scratch.weights, *dscores = scratch.dscores;
  multiply<Lies::rows>(rows, key_panels,
                       {job.size, scratch.q_tile + tile.begin * kTileStride, scratch.k_columns,
                        key_step, weights, kTileStride, false});
  multiply<Lies::rows>(rows, key_panels,
                       {job.size, scratch.dout_tile + tile.begin * kTileStride, scratch.v_columns,
                        key_step, dscores, kTileStride, false});
  for (Index r = 0; r < rows; ++r) {
    const Index i = query + r;
    const Index visible = job.causal ? smaller(limit, i + 1 - tile.first_key) : limit;
    if (job.dropout.on) random_bits(job.dropout, i, tile.first_key, limit, scratch.bits);
    gradient_row(job, {*row_at<float>(job.lse, i), scratch.delta[i], visible, limit, scratch.bits},
                 weights + r * kTileStride, dscores + r * kTileStride);
  }
  multiply<Lies::transposed>(limit, panels,
                             {rows, weights, scratch.dout_panels + tile.begin * kPanel, kStep,
                              scratch.dv_chunk, padded, true});
  multiply<Lies::transposed>(limit, panels,
                             {rows, dscores, scratch.q_panels + tile.begin * kPanel, kStep,
                              scratch.dk_chunk, padded, true});
  multiply<Lies::rows>(rows, panels,
                       {limit, dscores, scratch.k_panels, kStep, scratch.dq, kTileStride, false});
  for (Index r = 0; r < rows; ++r)
    write_row(scratch.dq + r * kTileStride,
              static_cast<float*>(job.dq.data) + (query + r) * job.dq.stride, job.size,
              job.add_dq || tile.first_key > 0);
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

// dk and dv of the packed chunk of keys over one chunk of queries, and that chunk's share of dq.
void backward_chunk(const BackwardJob& job, const BackwardScratch& scratch, Index first_query,
                    Index first_key, Index keys) {
  const Index size = job.size, elements = keys * round_up(size, kPanel);
  const Index queries = smaller(kKeyChunk, job.tokens - first_query);
  pack_tile(job.q, first_query, queries, size, scratch.q_tile);
  pack_tile(job.dout, first_query, queries, size, scratch.dout_tile);
  pack_panels(job.q, first_query, queries, size, scratch.q_panels);
  pack_panels(job.dout, first_query, queries, size, scratch.dout_panels);
  zero(scratch.dk_chunk, elements);
  zero(scratch.dv_chunk, elements);
  for (Index begin = 0; begin < queries; begin += kTileRows)
    backward_tile(job, scratch,
                  {first_query, begin, smaller(kTileRows, queries - begin), first_key, keys});
  add(scratch.dk_chunk, elements, scratch.dk);
  add(scratch.dv_chunk, elements, scratch.dv);
}

}  // namespace

void attention_gradient(const attention::BackwardJob& job,
                        const attention::BackwardScratch& scratch) {
  const Index size = job.size, padded = round_up(size, kPanel);
  job.out.narrow ? row_products<bf16>(job, scratch.delta) : row_products<float>(job, scratch.delta);
  for (Index first_key = 0; first_key < job.tokens; first_key += kKeyChunk) {
    const Index keys = smaller(kKeyChunk, job.tokens - first_key);
    pack_transposed(job.k, first_key, keys, size, scratch.k_columns);
    pack_transposed(job.v, first_key, keys, size, scratch.v_columns);
    pack_panels(job.k, first_key, keys, size, scratch.k_panels);
    zero(scratch.dk, keys * padded);
    zero(scratch.dv, keys * padded);
    for (Index query = job.causal ? first_key : 0; query < job.tokens; query += kKeyChunk)
      backward_chunk(job, scratch, query, first_key, keys);
    for (Index j = 0; j < keys; ++j) {
      const Index row = first_key + j;
      write_row(scratch.dk + j * padded, static_cast<float*>(job.dk.data) + row * job.dk.stride,
                size, job.add_dk);
      write_row(scratch.dv + j * padded, static_cast<float*>(job.dv.data) + row * job.dv.stride,
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
  const std::size_t bytes = BackwardScratch(nullptr, spec.head_size, tokens).bytes;
  const auto gradient = STEMMA_PICK_PATH(attention_gradient);
  const auto range = [&](std::int64_t begin, std::int64_t end, int worker) {
    const cpu::FlushDenormals flush;
    const BackwardScratch scratch(reinterpret_cast<float*>(stream.scratch(worker, bytes)),
                                  spec.head_size, tokens);
    for (std::int64_t t = begin; t < end; ++t)
      gradient(job_of(spec, args, tasks[static_cast<std::size_t>(t)]), scratch);
  };
  stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1, range);
}

}  // namespace stemma::kernels::attention
#endif
