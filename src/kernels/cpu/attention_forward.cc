// Attention forward, vectorised: a task is a block of queries of one head of one sequence. Each
// chunk of keys and values is packed once for the block; tiles of queries then go through scores,
// softmax and weighted sum inside the caches.
#include <cmath>
#include <vector>

#include "kernels/cpu/attention_internal.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/highway_paths.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_forward.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/attention_tile-inl.h"

#ifndef STEMMA_KERNELS_CPU_ATTENTION_FORWARD_
#define STEMMA_KERNELS_CPU_ATTENTION_FORWARD_
namespace stemma::kernels::attention {
namespace {

constexpr std::int64_t kQueryBlock = 240;  // a multiple of every path's rows per tile

struct ForwardJob {
  Rows q, k, v, out;
  std::int64_t size;     // D
  std::int64_t queries;  // of this block, at most kQueryBlock
  std::int64_t first;    // number of the first one in its sequence
  std::int64_t keys;     // of the sequence
  std::int64_t seen;     // keys that query 0 of the block sees; each further one sees `more`
  std::int64_t more;     // additional keys
  float scale;
  DropoutJob dropout;

  std::int64_t visible(std::int64_t query) const {
    const std::int64_t n = seen + query * more;
    return n < keys ? n : keys;
  }
};

// Scratch memory of one worker.
struct ForwardScratch {
  float *q, *k, *v;           // the block's queries as a tile, a chunk of keys and values in panels
  float *scores, *sums;       // a tile of queries: weights, weighted sums of the chunk's values
  float *max, *sum, *values;  // of the block's queries, over all chunks so far
  std::uint32_t* bits;        // of one query's dropout
  std::size_t bytes;

  ForwardScratch(float* memory, std::int64_t size) {
    Carver carver(memory);
    const std::int64_t padded = (size + 31) / 32 * 32;
    q = carver.take(kQueryBlock * kTileStride);
    k = carver.take(kKeyChunk * size);
    v = carver.take(kKeyChunk * padded);
    scores = carver.take(kTileRows * kTileStride);
    sums = carver.take(kTileRows * kTileStride);
    max = carver.take(kQueryBlock);
    sum = carver.take(kQueryBlock);
    values = carver.take(kQueryBlock * padded);
    bits = reinterpret_cast<std::uint32_t*>(carver.take(kKeyChunk));
    bytes = carver.bytes();
  }
};

// Queries [begin, begin + rows) of the block against keys [first_key, first_key + keys).
struct ForwardTile {
  std::int64_t begin, rows, first_key, keys;
};

}  // namespace
}  // namespace stemma::kernels::attention
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {
namespace {

using attention::ForwardJob;
using attention::ForwardScratch;
using attention::ForwardTile;

// Scores of one query become exponentials against their own maximum; those of keys [visible, limit)
// become 0. Returns maximum and sum.
HWY_INLINE void softmax_row(float* row, Index visible, Index limit, float scale, float& max,
                            float& sum) {
  const F32 d;
  const auto none = hn::Set(d, -HUGE_VALF);
  const auto factor = hn::Set(d, scale);
  const std::size_t n = static_cast<std::size_t>(visible);
  auto top = none;
  Index j = 0;
  for (; j + kVectorLanes <= visible; j += kVectorLanes) {
    const auto score = hn::Mul(hn::Load(d, row + j), factor);
    top = hn::Max(top, score);
    hn::Store(score, d, row + j);
  }
  for (; j < limit; j += kVectorLanes) {
    const auto live = hn::FirstN(d, j < visible ? n - static_cast<std::size_t>(j) : 0);
    const auto score = hn::IfThenElse(live, hn::Mul(hn::Load(d, row + j), factor), none);
    top = hn::Max(top, score);
    hn::Store(score, d, row + j);
  }
  top = hn::MaxOfLanes(d, top);
  Sum<F32> total;
  for_vectors(d, static_cast<std::size_t>(round_up(limit, kVectorLanes)),
              [&](std::size_t part, std::size_t i, std::size_t) HWY_ATTR {
                const auto weight = exp(d, hn::Sub(hn::Load(d, row + i), top));
                total.part[part] = hn::Add(total.part[part], weight);
                hn::Store(weight, d, row + i);
              });
  max = hn::GetLane(top);
  sum = total.total();
}

HWY_INLINE void drop_row(const ForwardJob& job, Index query, Index first_key, Index visible,
                         float* row, std::uint32_t* bits) {
  const F32 d;
  random_bits(job.dropout, job.first + query, first_key, visible, bits);
  for (Index j = 0; j < visible; j += kVectorLanes)
    hn::Store(hn::IfThenElseZero(kept(job.dropout, bits + j), hn::Load(d, row + j)), d, row + j);
}

// Query i of the block takes in the (max, sum, values) of its next chunk.
HWY_INLINE void merge_row(const ForwardScratch& scratch, Index i, float chunk_max, float chunk_sum,
                          const float* chunk, Index padded) {
  const F32 d;
  const auto old_max = hn::Set(d, scratch.max[i]), new_max = hn::Set(d, chunk_max);
  const auto top = hn::Max(old_max, new_max);
  const auto mine = exp(d, hn::Sub(old_max, top)), theirs = exp(d, hn::Sub(new_max, top));
  float* values = scratch.values + i * padded;
  for (Index c = 0; c < padded; c += kVectorLanes) {
    const auto before = hn::Mul(hn::Load(d, values + c), mine);
    hn::Store(hn::MulAdd(hn::Load(d, chunk + c), theirs, before), d, values + c);
  }
  const auto before = hn::Mul(hn::Set(d, scratch.sum[i]), mine);
  scratch.sum[i] = hn::GetLane(hn::MulAdd(hn::Set(d, chunk_sum), theirs, before));
  scratch.max[i] = hn::GetLane(top);
}

// The first chunk is taken as it is.
HWY_INLINE void start_row(const ForwardScratch& scratch, Index i, float chunk_max, float chunk_sum,
                          const float* chunk, Index padded) {
  const F32 d;
  for (Index c = 0; c < padded; c += kVectorLanes)
    hn::Store(hn::Load(d, chunk + c), d, scratch.values + i * padded + c);
  scratch.max[i] = chunk_max;
  scratch.sum[i] = chunk_sum;
}

void forward_tile(const ForwardJob& job, const ForwardScratch& scratch, const ForwardTile& tile) {
  const Index limit = smaller(tile.keys, job.visible(tile.begin + tile.rows - 1) - tile.first_key);
  if (limit <= 0) return;
  const Index padded = round_up(job.size, kPanel);
  multiply<Lies::rows>(tile.rows, round_up(limit, kPanel) / kPanel,
                       {job.size, scratch.q + tile.begin * kTileStride, scratch.k,
                        job.size * kPanel, scratch.scores, kTileStride, false});
  float max[kTileRows] = {}, sum[kTileRows] = {};
  for (Index r = 0; r < tile.rows; ++r) {
    float* row = scratch.scores + r * kTileStride;
    const Index visible = smaller(limit, job.visible(tile.begin + r) - tile.first_key);
    if (visible <= 0) continue;
    softmax_row(row, visible, limit, job.scale, max[r], sum[r]);
    if (job.dropout.on) drop_row(job, tile.begin + r, tile.first_key, visible, row, scratch.bits);
  }
  multiply<Lies::rows>(
      tile.rows, padded / kPanel,
      {limit, scratch.scores, scratch.v, kKeyChunk * kPanel, scratch.sums, kTileStride, false});
  for (Index r = 0; r < tile.rows; ++r) {
    const Index i = tile.begin + r;
    const float* sums = scratch.sums + r * kTileStride;
    if (tile.first_key == 0)
      start_row(scratch, i, max[r], sum[r], sums, padded);
    else if (job.visible(i) > tile.first_key)
      merge_row(scratch, i, max[r], sum[r], sums, padded);
  }
}

template <class Out>
void write_rows(const ForwardJob& job, const ForwardScratch& scratch) {
  const F32 d;
  const Index padded = round_up(job.size, kPanel);
  for (Index i = 0; i < job.queries; ++i) {
    const auto factor = hn::Set(d, job.dropout.factor / scratch.sum[i]);
    Out* out = static_cast<Out*>(job.out.data) + i * job.out.stride;
    for (Index c = 0; c < job.size; c += kVectorLanes)
      store(d, hn::Mul(hn::Load(d, scratch.values + i * padded + c), factor), out + c,
            static_cast<std::size_t>(job.size - c));
  }
}

}  // namespace

void attention_block(const attention::ForwardJob& job, const attention::ForwardScratch& scratch) {
  pack_tile(job.q, 0, job.queries, job.size, scratch.q);
  const Index visible = job.visible(job.queries - 1);
  for (Index first_key = 0; first_key < visible; first_key += kKeyChunk) {
    const Index keys = smaller(kKeyChunk, visible - first_key);
    pack_transposed(job.k, first_key, keys, job.size, scratch.k);
    pack_panels(job.v, first_key, keys, job.size, scratch.v);
    for (Index begin = 0; begin < job.queries; begin += kTileRows)
      forward_tile(job, scratch, {begin, smaller(kTileRows, job.queries - begin), first_key, keys});
  }
  job.out.narrow ? write_rows<bf16>(job, scratch) : write_rows<float>(job, scratch);
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels::attention {
namespace {

ForwardJob job_of(const AttentionSpec& spec, const AttentionForward& args, const Task& task) {
  const AttentionSequence& s = *task.sequence;
  const std::int64_t column = task.head * spec.head_size, row = s.query_begin + task.begin;
  return {.q = Rows(args.q, row, column),
          .k = Rows(args.k, s.key_begin, column),
          .v = Rows(args.v, s.key_begin, column),
          .out = Rows(args.out, row, column),
          .size = spec.head_size,
          .queries = task.end - task.begin,
          .first = task.begin,
          .keys = s.keys,
          .seen = visible_keys(spec, s, task.begin),
          .more = spec.causal ? 1 : 0,
          .scale = spec.scale,
          .dropout = DropoutJob(spec, task)};
}

}  // namespace

void forward_vector(Stream& stream, const AttentionSpec& spec, const AttentionForward& args) {
  const std::vector<Task> tasks = split(spec, args.sequences, kQueryBlock);
  const std::size_t bytes = ForwardScratch(nullptr, spec.head_size).bytes;
  const auto block = STEMMA_PICK_PATH(attention_block);
  const auto work = [&](const Task& task, const ForwardScratch& scratch) {
    block(job_of(spec, args, task), scratch);
    if (!args.lse) return;
    for (std::int64_t i = task.begin; i < task.end; ++i) {
      float* row =
          args.lse.data<float>() + (task.sequence->query_begin + i) * args.lse.row_stride();
      const std::int64_t r = i - task.begin;
      row[task.head] = scratch.max[r] + std::log(scratch.sum[r]);
    }
  };
  const auto range = [&](std::int64_t begin, std::int64_t end, int worker) {
    const cpu::FlushDenormals flush;
    const ForwardScratch scratch(reinterpret_cast<float*>(stream.scratch(worker, bytes)),
                                 spec.head_size);
    for (std::int64_t t = begin; t < end; ++t) work(tasks[static_cast<std::size_t>(t)], scratch);
  };
  stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1, range);
}

}  // namespace stemma::kernels::attention
#endif
