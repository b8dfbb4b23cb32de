// Attention backward, vectorised: a task is some stripes of one sequence, with all query heads of
// one key-value head. With P = exp(S - lse) computed again from q and k (Dao et al. 2022, algorithm
// 4), delta = rowsum(dout ∘ out):
//   dV = Pᵀ dO,  dP = dO Vᵀ,  dS = P ∘ (dP - delta) · scale,  dQ = dS K,  dK = dSᵀ Q.
#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/cpu/attention/internal.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/highway_paths.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/backward.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/attention/tile-inl.h"

#ifndef STEMMA_KERNELS_CPU_ATTENTION_BACKWARD_
#define STEMMA_KERNELS_CPU_ATTENTION_BACKWARD_
namespace stemma::kernels::attention {
namespace {

struct BackwardJob {
  Rows q, k, v, out, dout, lse, dq, dk, dv;  // of the stripe; the group's heads lie side by side
  bool add_dq, add_dk, add_dv;
  Stripe stripe;            // queries and keys alike: number and place of a query are the same
  std::int64_t size;        // D
  std::int64_t group;       // query heads
  std::int64_t head;        // the first of them
  std::int64_t begun_from;  // Part::begun_from
  std::int64_t tokens;      // of the sequence
  float scale;
  DropoutJob dropout;

  std::int64_t position(std::int64_t place) const { return stripe.key + place * stripe.step; }
  // Whether an earlier part of the pattern has written the row.
  bool begun_query(std::int64_t place) const { return position(place) >= begun_from; }
  bool begun_key(std::int64_t place) const { return tokens - 1 - position(place) >= begun_from; }
  // Whether this part writes the key's row: the last query of the stripe sees most of them.
  bool seen_key(std::int64_t place) const { return place < stripe.end(stripe.queries - 1); }
  // End of the queries that see a key of [.., last].
  std::int64_t query_end(std::int64_t last) const {
    const std::int64_t n = stripe.queries;
    return stripe.width < n - last ? last + stripe.width : n;
  }
};

// Scratch memory of one worker.
struct BackwardScratch {
  float *k_columns, *v_columns, *k_panels;             // a chunk of keys, packed
  float *q_tile, *dout_tile, *q_panels, *dout_panels;  // a chunk of queries of one head, packed
  float *weights, *dscores, *dq;                       // a tile of queries
  float *dk, *dv, *dk_chunk, *dv_chunk;  // a chunk of keys: over all queries, over a chunk of them
  float* delta;                          // of every query, all heads of a group
  std::uint32_t* bits;                   // of one query's dropout
  std::size_t bytes;

  BackwardScratch(float* memory, const AttentionSpec& spec, std::int64_t queries) {
    Carver carver(memory);
    const std::int64_t size = spec.head_size, padded = (size + 31) / 32 * 32;
    for (float** part : {&k_columns, &v_columns}) *part = carver.take(kKeyChunk * size);
    for (float** part : {&k_panels, &q_panels, &dout_panels, &dk, &dv, &dk_chunk, &dv_chunk})
      *part = carver.take(kKeyChunk * padded);
    for (float** part : {&q_tile, &dout_tile}) *part = carver.take(kKeyChunk * kTileStride);
    for (float** part : {&weights, &dscores, &dq}) *part = carver.take(kTileRows * kTileStride);
    bits = reinterpret_cast<std::uint32_t*>(carver.take(kKeyChunk));
    delta = carver.take(queries * spec.group());
    bytes = carver.bytes();
  }
};

// One head's rows [begin, begin + rows) of the chunk of queries at first_query, against keys
// [first_key, first_key + keys).
struct BackwardTile {
  std::int64_t head, first_query, begin, rows, first_key, keys;
};

// What a row of gradients needs of its query: keys [begin, end) of the chunk that it sees, keys
// [from, limit) that its tile works on.
struct BackwardRow {
  float lse, delta;
  std::int64_t from, begin, end, limit;
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
using attention::Stripe;

// delta [group, queries]
template <class Out>
void row_products(const BackwardJob& job, float* delta) {
  const F32 d;
  const std::size_t size = static_cast<std::size_t>(job.size);
  for (Index head = 0; head < job.group; ++head)
    for (Index i = 0; i < job.stripe.queries; ++i) {
      const float* dout = row_at<float>(job.dout, i) + head * job.size;
      const Out* out = row_at<Out>(job.out, i) + head * job.size;
      Sum<F32> sum;
      for_vectors(d, size, [&](std::size_t part, std::size_t c, std::size_t n) HWY_ATTR {
        sum.part[part] = hn::MulAdd(load(d, dout + c, n), load(d, out + c, n), sum.part[part]);
      });
      delta[head * job.stripe.queries + i] = sum.total();
    }
}

// What one query's row of scores and of dP = dO·V becomes: weights (after dropout) and dS. Both are
// 0 for the keys of [from, limit) that the query does not see.
HWY_INLINE void gradient_row(const BackwardJob& job, const BackwardRow& row, float* scores,
                             float* dweights) {
  const F32 d;
  const auto scale = hn::Set(d, job.scale), lses = hn::Set(d, row.lse);
  const auto deltas = hn::Set(d, row.delta);
  const auto factor = hn::Set(d, job.dropout.factor);
  for (Index j = row.from; j < row.limit; j += kVectorLanes) {
    const auto before = hn::FirstN(d, static_cast<std::size_t>(larger(0, row.begin - j)));
    const auto past = hn::FirstN(d, static_cast<std::size_t>(larger(0, row.end - j)));
    const auto seen = hn::AndNot(before, past);
    const auto score = hn::Mul(hn::Load(d, scores + j), scale);
    const auto weight = hn::IfThenElseZero(seen, exp(d, hn::Sub(score, lses)));
    auto dropped = weight, dweight = hn::Load(d, dweights + j);
    if (job.dropout.on) {
      const auto keep = kept(job.dropout, row.bits + (j - row.from));
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

void gradient_rows(const BackwardJob& job, const BackwardScratch& scratch, const BackwardTile& tile,
                   Index from, Index limit) {
  const Stripe& stripe = job.stripe;
  for (Index r = 0; r < tile.rows; ++r) {
    const Index i = tile.first_query + tile.begin + r;
    if (job.dropout.on)
      random_bits(job.dropout, {job.head + tile.head, job.position(i)},
                  job.position(tile.first_key + from), stripe.step, limit - from, scratch.bits);
    gradient_row(
        job,
        {row_at<float>(job.lse, i)[tile.head], scratch.delta[tile.head * stripe.queries + i], from,
         larger(0, stripe.begin(i) - tile.first_key),
         smaller(limit, stripe.end(i) - tile.first_key), limit, scratch.bits},
        scratch.weights + r * kTileStride, scratch.dscores + r * kTileStride);
  }
}

// A query's first chunk of keys sets its row of dq or, where asked, adds to what is there.
void write_dq(const BackwardJob& job, const BackwardScratch& scratch, const BackwardTile& tile) {
  for (Index r = 0; r < tile.rows; ++r) {
    const Index i = tile.first_query + tile.begin + r;
    const Index begin = job.stripe.begin(i), end = job.stripe.end(i);
    if (larger(begin, tile.first_key) >= smaller(end, tile.first_key + tile.keys)) continue;
    write_row(scratch.dq + r * kTileStride,
              static_cast<float*>(job.dq.data) + i * job.dq.stride + tile.head * job.size, job.size,
              job.add_dq || job.begun_query(i) || begin < tile.first_key);
  }
}

void backward_tile(const BackwardJob& job, const BackwardScratch& scratch,
                   const BackwardTile& tile) {
  const Index query = tile.first_query + tile.begin, rows = tile.rows;
  const Index limit = smaller(tile.keys, job.stripe.end(query + rows - 1) - tile.first_key);
  const Index from = larger(0, job.stripe.begin(query) - tile.first_key) / kRangeStep * kRangeStep;
  if (limit <= from) return;
  const Index padded = round_up(job.size, kPanel), panels = padded / kPanel;
  const Index key_panels = round_up(limit - from, kPanel) / kPanel, key_step = job.size * kPanel;
  constexpr Index kStep = kKeyChunk * kPanel;
  float *weights = scratch.weights + from, *dscores = scratch.dscores + from;
  multiply<Lies::rows>(
      rows, key_panels,
      {job.size, scratch.q_tile + tile.begin * kTileStride, scratch.k_columns + from * job.size,
       key_step, weights, kTileStride, false});
  multiply<Lies::rows>(
      rows, key_panels,
      {job.size, scratch.dout_tile + tile.begin * kTileStride, scratch.v_columns + from * job.size,
       key_step, dscores, kTileStride, false});
  gradient_rows(job, scratch, tile, from, limit);
  multiply<Lies::transposed>(limit - from, panels,
                             {rows, weights, scratch.dout_panels + tile.begin * kPanel, kStep,
                              scratch.dv_chunk + from * padded, padded, true});
  multiply<Lies::transposed>(limit - from, panels,
                             {rows, dscores, scratch.q_panels + tile.begin * kPanel, kStep,
                              scratch.dk_chunk + from * padded, padded, true});
  multiply<Lies::rows>(rows, panels,
                       {limit - from, dscores, scratch.k_panels + from * kPanel, kStep, scratch.dq,
                        kTileStride, false});
  write_dq(job, scratch, tile);
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
  const Index end = job.query_end(first_key + keys - 1);
  const Index queries = smaller(kKeyChunk, end - first_query);
  zero(scratch.dk_chunk, elements);
  zero(scratch.dv_chunk, elements);
  for (Index head = 0; head < job.group; ++head) {
    const attention::Rows q = job.q.columns_from(head * size);
    const attention::Rows dout = job.dout.columns_from(head * size);
    pack_tile(q, first_query, queries, 1, size, scratch.q_tile);
    pack_tile(dout, first_query, queries, 1, size, scratch.dout_tile);
    pack_panels(q, first_query, queries, size, scratch.q_panels);
    pack_panels(dout, first_query, queries, size, scratch.dout_panels);
    for (Index begin = 0; begin < queries; begin += kTileRows)
      backward_tile(
          job, scratch,
          {head, first_query, begin, smaller(kTileRows, queries - begin), first_key, keys});
  }
  add(scratch.dk_chunk, elements, scratch.dk);
  add(scratch.dv_chunk, elements, scratch.dv);
}

}  // namespace

void attention_gradient(const attention::BackwardJob& job,
                        const attention::BackwardScratch& scratch) {
  const Index size = job.size, padded = round_up(size, kPanel), all_keys = job.stripe.keys;
  job.out.narrow ? row_products<bf16>(job, scratch.delta) : row_products<float>(job, scratch.delta);
  for (Index first_key = 0; first_key < all_keys; first_key += kKeyChunk) {
    const Index keys = smaller(kKeyChunk, all_keys - first_key);
    pack_transposed(job.k, first_key, keys, size, scratch.k_columns);
    pack_transposed(job.v, first_key, keys, size, scratch.v_columns);
    pack_panels(job.k, first_key, keys, size, scratch.k_panels);
    zero(scratch.dk, keys * padded);
    zero(scratch.dv, keys * padded);
    const Index end = job.query_end(first_key + keys - 1);
    for (Index query = job.stripe.causal ? first_key : 0; query < end; query += kKeyChunk)
      backward_chunk(job, scratch, query, first_key, keys);
    for (Index j = 0; j < keys; ++j) {
      const Index row = first_key + j;
      if (!job.seen_key(row)) continue;
      const bool begun = job.begun_key(row);
      write_row(scratch.dk + j * padded, static_cast<float*>(job.dk.data) + row * job.dk.stride,
                size, job.add_dk || begun);
      write_row(scratch.dv + j * padded, static_cast<float*>(job.dv.data) + row * job.dv.stride,
                size, job.add_dv || begun);
    }
  }
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels::attention {
namespace {

BackwardJob job_of(const AttentionSpec& spec, const AttentionBackward& args, const Part& part,
                   const Task& task, const Stripe& stripe) {
  const AttentionSequence& s = *task.sequence;
  const std::int64_t group = spec.group(), head = task.kv_head * group;
  const auto rows = [&](const Tensor& t, std::int64_t column) {
    return Rows(t, s.query_begin + stripe.query, column, stripe.step);
  };
  const auto of_queries = [&](const Tensor& t) { return rows(t, head * spec.head_size); };
  const auto of_keys = [&](const Tensor& t) { return rows(t, task.kv_head * spec.head_size); };
  return {.q = of_queries(args.q),
          .k = of_keys(args.k),
          .v = of_keys(args.v),
          .out = of_queries(args.out),
          .dout = of_queries(args.dout),
          .lse = rows(args.lse, head),
          .dq = of_queries(args.dq.tensor),
          .dk = of_keys(args.dk.tensor),
          .dv = of_keys(args.dv.tensor),
          .add_dq = args.dq.add,
          .add_dk = args.dk.add,
          .add_dv = args.dv.add,
          .stripe = stripe,
          .size = spec.head_size,
          .group = group,
          .head = head,
          .begun_from = part.begun_from,
          .tokens = s.keys,
          .scale = spec.scale,
          .dropout = DropoutJob(spec, s)};
}

}  // namespace

void backward_vector(Stream& stream, const AttentionSpec& spec, const AttentionBackward& args) {
  const auto gradient = STEMMA_PICK_PATH(attention_gradient);
  for (const Part& part : Parts(spec)) {
    const std::vector<Task> tasks =
        split(spec, part, args.sequences, std::numeric_limits<std::int64_t>::max());
    std::int64_t queries = 0;
    for (const Task& task : tasks) queries = std::max(queries, task.end);
    const std::size_t bytes = BackwardScratch(nullptr, spec, queries).bytes;
    const auto range = [&](std::int64_t begin, std::int64_t end, int worker) {
      const cpu::FlushDenormals flush;
      const BackwardScratch scratch(reinterpret_cast<float*>(stream.scratch(worker, bytes)), spec,
                                    queries);
      for (std::int64_t t = begin; t < end; ++t) {
        const Task& task = tasks[static_cast<std::size_t>(t)];
        for (std::int64_t number = task.stripe_begin; number < task.stripe_end; ++number)
          gradient(job_of(spec, args, part, task, stripe_of(spec, part, *task.sequence, number)),
                   scratch);
      }
    };
    stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1, range);
  }
}

}  // namespace stemma::kernels::attention
#endif
