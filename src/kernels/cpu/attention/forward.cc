// Attention forward, vectorised: a task is a block of queries of one stripe, with all query heads
// of one key-value head. Each chunk of keys and values is packed once for the block; tiles of rows,
// a row being one head of one query, then go through scores, softmax and weighted sum inside the
// caches. A block of few rows (few_rows-inl.h) packs less.
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "kernels/cpu/attention/cache.h"
#include "kernels/cpu/attention/internal.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/highway_paths.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/forward.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/attention/few_rows-inl.h"
#include "kernels/cpu/attention/tile-inl.h"

#ifndef STEMMA_KERNELS_CPU_ATTENTION_FORWARD_
#define STEMMA_KERNELS_CPU_ATTENTION_FORWARD_
namespace stemma::kernels::attention {
namespace {

constexpr std::int64_t kBlockRows = 240;  // a multiple of every path's rows per tile

// Queries of a block: with the heads of a group about kBlockRows rows.
std::int64_t block_queries(const AttentionSpec& spec) {
  return std::max<std::int64_t>(1, kBlockRows / spec.group());
}

// Where the rows of a pattern of two parts wait between them: max, sum and values [width] of row
// (query n of the block, head h of the group) at index n · query_stride + h.
struct Partial {
  float *max = nullptr, *sum = nullptr, *values = nullptr;
  std::int64_t query_stride = 0, width = 0;
};

struct ForwardJob {
  Rows q, k, v, out;  // of the stripe, q and out from the block's first query
  // In a cache k and v are of its page 0, and the keys of the sequence lie in `pages`.
  std::span<const std::int32_t> pages;
  std::int64_t page_keys;   // 0: no cache
  std::int64_t page_size;   // elements of k, and of v, from page to page
  bool key_panels;          // the cache has keys in panels
  Stripe stripe;            // of which the block is a part
  std::int64_t size;        // D
  std::int64_t group;       // query heads, side by side in q and out
  std::int64_t head;        // the first of them
  std::int64_t queries;     // of this block
  std::int64_t place;       // of its first query in the stripe
  std::int64_t position;    // the same in the sequence
  std::int64_t begun_from;  // positions from here have sums in `partial`
  bool last;                // part of the pattern: rows go to out, otherwise to `partial`
  float scale;
  DropoutJob dropout;
  Partial partial;

  // Places of the keys that query n of the block sees.
  std::int64_t begin(std::int64_t n) const { return stripe.begin(place + n); }
  std::int64_t end(std::int64_t n) const { return stripe.end(place + n); }
  std::int64_t position_of(std::int64_t n) const { return position + n * stripe.step; }
  bool begun(std::int64_t n) const { return position_of(n) >= begun_from; }

  // Where the keys of a chunk lie: its first one is `row` of k and v.
  struct Chunk {
    Rows k, v;
    std::int64_t row;
  };
  Chunk chunk_at(std::int64_t first_key) const {
    if (page_keys == 0) return {k, v, first_key};
    const std::int64_t number = first_key / page_keys;
    const std::int64_t page = pages[static_cast<std::size_t>(number)] * page_size;
    return {k.columns_from(page), v.columns_from(page), first_key - number * page_keys};
  }
};

// Scratch memory of one worker.
struct ForwardScratch {
  float *q, *k, *v;           // the block's rows as a tile, a chunk of keys and values in panels
  float *scores, *sums;       // a tile of rows: weights, weighted sums of the chunk's values
  float *max, *sum, *values;  // of the block's rows, over all chunks so far
  std::uint32_t* bits;        // of one row's dropout
  std::size_t bytes;

  ForwardScratch(float* memory, const AttentionSpec& spec) {
    Carver carver(memory);
    const std::int64_t size = spec.head_size, padded = (size + 31) / 32 * 32;
    const std::int64_t rows = block_queries(spec) * spec.group();
    q = carver.take(rows * kTileStride);
    k = carver.take(kKeyChunk * size);
    v = carver.take(kKeyChunk * padded);
    scores = carver.take(kTileRows * kTileStride);
    sums = carver.take(kTileRows * kTileStride);
    max = carver.take(rows);
    sum = carver.take(rows);
    values = carver.take(rows * padded);
    bits = reinterpret_cast<std::uint32_t*>(carver.take(kKeyChunk));
    bytes = carver.bytes();
  }
};

// Rows [begin, begin + rows) of the block against the keys at places [first_key, first_key + keys).
struct ForwardTile {
  std::int64_t begin, rows, first_key, keys;
  const ForwardJob::Chunk& chunk;
};

// Of one chunk of keys: what a row sees, [begin, end), inside what its tile works on, [from,
// limit).
struct KeyRange {
  std::int64_t from, begin, end, limit;
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
using attention::KeyRange;
using attention::Stripe;

// Scores of one row become exponentials against their own maximum; those of keys that it does not
// see become 0. Returns maximum and sum.
HWY_INLINE void softmax_row(float* row, const KeyRange& keys, float scale, float& max, float& sum) {
  const F32 d;
  const auto none = hn::Set(d, -HUGE_VALF);
  const auto factor = hn::Set(d, scale);
  const auto lanes = [](Index n) STEMMA_LANES { return static_cast<std::size_t>(larger(0, n)); };
  auto top = none;
  Index j = keys.from;
  const auto masked = [&](Index until) STEMMA_LANES {
    for (; j < until; j += kVectorLanes) {
      const auto before = hn::FirstN(d, lanes(keys.begin - j));
      const auto seen = hn::AndNot(before, hn::FirstN(d, lanes(keys.end - j)));
      const auto score = hn::IfThenElse(seen, hn::Mul(hn::Load(d, row + j), factor), none);
      top = hn::Max(top, score);
      hn::Store(score, d, row + j);
    }
  };
  masked(keys.begin);
  for (; j + kVectorLanes <= keys.end; j += kVectorLanes) {
    const auto score = hn::Mul(hn::Load(d, row + j), factor);
    top = hn::Max(top, score);
    hn::Store(score, d, row + j);
  }
  masked(keys.limit);
  top = hn::MaxOfLanes(d, top);
  Sum<F32> total;
  float* const weights = row + keys.from;
  for_vectors(d, static_cast<std::size_t>(round_up(keys.limit - keys.from, kVectorLanes)),
              [&](std::size_t part, std::size_t i, std::size_t) HWY_ATTR {
                const auto weight = exp(d, hn::Sub(hn::Load(d, weights + i), top));
                total.part[part] = hn::Add(total.part[part], weight);
                hn::Store(weight, d, weights + i);
              });
  max = hn::GetLane(top);
  sum = total.total();
}

HWY_INLINE void drop_row(const ForwardJob& job, const DropoutRow& of, Index first_key,
                         const KeyRange& keys, float* row, std::uint32_t* bits) {
  const F32 d;
  const Stripe& stripe = job.stripe;
  random_bits(job.dropout, of, stripe.key + (first_key + keys.from) * stripe.step, stripe.step,
              keys.end - keys.from, bits);
  row += keys.from;
  for (Index j = 0; j < keys.end - keys.from; j += kVectorLanes)
    hn::Store(hn::IfThenElseZero(kept(job.dropout, bits + j), hn::Load(d, row + j)), d, row + j);
}

// Row i of the block takes in the (max, sum, values) of its next chunk.
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

// A block of few rows is one tile.
HWY_INLINE bool has_few_rows(const ForwardJob& job) { return job.queries * job.group <= kFewRows; }
HWY_INLINE bool packs_values(const ForwardJob& job) {
  return !has_few_rows(job) || job.size % kPanel != 0;
}
// Whether the panels of a cache are multiplied as they lie, by few rows or by many.
HWY_INLINE bool reads_panels(const ForwardJob& job) { return job.key_panels && has_few_rows(job); }
HWY_INLINE bool shares_panels(const ForwardJob& job) {
  return job.key_panels && !has_few_rows(job) && kPanel == kKeyPanel && !job.k.narrow;
}

void forward_tile(const ForwardJob& job, const ForwardScratch& scratch, const ForwardTile& tile) {
  const Index group = job.group, first = tile.begin / group;
  const Index last = (tile.begin + tile.rows - 1) / group;
  const Index limit = smaller(tile.keys, job.end(last) - tile.first_key);
  const Index from = larger(0, job.begin(first) - tile.first_key) / kRangeStep * kRangeStep;
  if (limit <= from) return;
  const Index size = job.size, padded = round_up(size, kPanel);
  const ForwardJob::Chunk& at = tile.chunk;
  if (reads_panels(job)) {
    few_scores(at.k, at.row + from, limit - from, tile.rows, size, scratch.q,
               scratch.scores + from);
  } else {
    const float* keys = shares_panels(job)
                            ? static_cast<const float*>(at.k.data) + (at.row + from) * size
                            : scratch.k + from * size;
    multiply<Lies::rows>(tile.rows, round_up(limit - from, kPanel) / kPanel,
                         {size, scratch.q + tile.begin * kTileStride, keys, size * kPanel,
                          scratch.scores + from, kTileStride, false});
  }
  float max[kTileRows] = {}, sum[kTileRows] = {};
  const auto range = [&](Index n) STEMMA_LANES {
    return KeyRange{from, larger(0, job.begin(n) - tile.first_key),
                    smaller(limit, job.end(n) - tile.first_key), limit};
  };
  Index n = first, head = tile.begin % group;
  const auto next = [&]() STEMMA_LANES {
    if (++head == group) head = 0, ++n;
  };
  for (Index r = 0; r < tile.rows; ++r, next()) {
    const KeyRange keys = range(n);
    if (keys.begin >= keys.end) continue;
    float* row = scratch.scores + r * kTileStride;
    softmax_row(row, keys, job.scale, max[r], sum[r]);
    if (job.dropout.on)
      drop_row(job, {job.head + head, job.position_of(n)}, tile.first_key, keys, row, scratch.bits);
  }
  if (packs_values(job))
    multiply<Lies::rows>(tile.rows, padded / kPanel,
                         {limit - from, scratch.scores + from, scratch.v + from * kPanel,
                          kKeyChunk * kPanel, scratch.sums, kTileStride, false});
  else
    few_values(at.v, at.row + from, limit - from, tile.rows, size, scratch.scores + from,
               scratch.sums);
  for (Index r = 0; r < tile.rows; ++r) {
    const Index i = tile.begin + r, query = i / group;
    const KeyRange keys = range(query);
    if (keys.begin >= keys.end) continue;
    const float* sums = scratch.sums + r * kTileStride;
    if (job.begin(query) >= tile.first_key && !job.begun(query))
      start_row(scratch, i, max[r], sum[r], sums, padded);
    else
      merge_row(scratch, i, max[r], sum[r], sums, padded);
  }
}

template <class Out>
void write_rows(const ForwardJob& job, const ForwardScratch& scratch) {
  const F32 d;
  const Index padded = round_up(job.size, kPanel);
  Index i = 0;
  for (Index n = 0; n < job.queries; ++n) {
    Out* out = static_cast<Out*>(job.out.data) + n * job.out.stride;
    for (Index head = 0; head < job.group; ++head, ++i, out += job.size) {
      const auto factor = hn::Set(d, job.dropout.factor / scratch.sum[i]);
      for (Index c = 0; c < job.size; c += kVectorLanes)
        store(d, hn::Mul(hn::Load(d, scratch.values + i * padded + c), factor), out + c,
              static_cast<std::size_t>(job.size - c));
    }
  }
}

// Rows that have sums from an earlier part of the pattern go on from them.
void load_partial(const ForwardJob& job, const ForwardScratch& scratch) {
  const Index padded = round_up(job.size, kPanel);
  for (Index n = 0; n < job.queries; ++n)
    for (Index head = 0; head < job.group && job.begun(n); ++head) {
      const Index at = n * job.partial.query_stride + head;
      start_row(scratch, n * job.group + head, job.partial.max[at], job.partial.sum[at],
                job.partial.values + at * job.partial.width, padded);
    }
}
void save_partial(const ForwardJob& job, const ForwardScratch& scratch) {
  const F32 d;
  const Index padded = round_up(job.size, kPanel);
  for (Index n = 0; n < job.queries; ++n)
    for (Index head = 0; head < job.group && job.begin(n) < job.end(n); ++head) {
      const Index i = n * job.group + head, at = n * job.partial.query_stride + head;
      job.partial.max[at] = scratch.max[i];
      job.partial.sum[at] = scratch.sum[i];
      for (Index c = 0; c < padded; c += kVectorLanes)
        hn::Store(hn::Load(d, scratch.values + i * padded + c), d,
                  job.partial.values + at * job.partial.width + c);
    }
}

}  // namespace

void attention_block(const attention::ForwardJob& job, const attention::ForwardScratch& scratch) {
  const Index size = job.size, rows = job.queries * job.group;
  const Index seen_begin = job.begin(0), seen_end = job.end(job.queries - 1);
  pack_tile(job.q, 0, job.queries, job.group, size, scratch.q);
  if (job.partial.values) load_partial(job, scratch);
  for (Index first_key = seen_begin / kKeyChunk * kKeyChunk; first_key < seen_end;
       first_key += kKeyChunk) {
    const Index keys = smaller(kKeyChunk, seen_end - first_key);
    const Index from = larger(0, seen_begin - first_key) / kRangeStep * kRangeStep;
    const ForwardJob::Chunk at = job.chunk_at(first_key);
    if (job.key_panels && !reads_panels(job) && !shares_panels(job))
      pack_key_panels(at.k, at.row + from, keys - from, size, scratch.k + from * size);
    else if (!job.key_panels)
      pack_transposed(at.k, at.row + from, keys - from, size, scratch.k + from * size);
    if (packs_values(job))
      pack_panels(at.v, at.row + from, keys - from, size, scratch.v + from * kPanel);
    for (Index begin = 0; begin < rows; begin += kTileRows)
      forward_tile(job, scratch, {begin, smaller(kTileRows, rows - begin), first_key, keys, at});
  }
  if (!job.last) return save_partial(job, scratch);
  job.out.narrow ? write_rows<bf16>(job, scratch) : write_rows<float>(job, scratch);
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels::attention {
namespace {

// The block of `task` that lies in one of its stripes.
ForwardJob job_of(const AttentionSpec& spec, const AttentionForward& args, const Part& part,
                  const Task& task, const Stripe& stripe) {
  const AttentionSequence& s = *task.sequence;
  const std::int64_t group = spec.group(), head = task.kv_head * group, step = stripe.step;
  const std::int64_t row = s.query_begin + stripe.query + task.begin * step;
  const std::int64_t column = head * spec.head_size;
  const bool cache = args.page_keys != 0;
  const std::int64_t key = stripe.key + (cache ? task.kv_head * args.page_keys : s.key_begin);
  const std::int64_t kv_column = cache ? 0 : task.kv_head * spec.head_size;
  return {.q = Rows(args.q, row, column, step),
          .k = Rows(args.k, key, kv_column, step),
          .v = Rows(args.v, key, kv_column, step),
          .out = Rows(args.out, row, column, step),
          .pages = s.pages,
          .page_keys = args.page_keys,
          .page_size = spec.key_value_heads() * args.page_keys * spec.head_size,
          .key_panels = cache && caches_panels(spec),
          .stripe = stripe,
          .size = spec.head_size,
          .group = group,
          .head = head,
          .queries = std::min(task.end, stripe.queries) - task.begin,
          .place = stripe.place + task.begin,
          .position = s.first_position + stripe.query + task.begin * step,
          .begun_from = part.begun_from,
          .last = part.last,
          .scale = spec.scale,
          .dropout = DropoutJob(spec, s),
          .partial = {}};
}

// Where the sums of a row [of q] wait between two parts of a pattern.
class PartialSums {
 public:
  PartialSums(Stream& stream, const AttentionSpec& spec, std::int64_t rows)
      : heads_(spec.heads), width_((spec.head_size + 31) / 32 * 32) {
    const auto carve = [&](float* memory) {
      Carver carver(memory);
      all_.values = carver.take(rows * heads_ * width_);
      all_.max = carver.take(rows * heads_);
      all_.sum = carver.take(rows * heads_);
      return carver.bytes();
    };
    carve(reinterpret_cast<float*>(stream.shared_scratch(carve(nullptr))));
  }
  // From one head of one row, for blocks of every `step`-th row.
  Partial at(std::int64_t row, std::int64_t head, std::int64_t step) const {
    const std::int64_t i = row * heads_ + head;
    return {all_.max + i, all_.sum + i, all_.values + i * width_, step * heads_, width_};
  }

 private:
  std::int64_t heads_, width_;
  Partial all_;
};

void write_lse(const ForwardJob& job, const ForwardScratch& scratch, const Rows& lse) {
  for (std::int64_t i = 0; i < job.queries * job.group; ++i)
    static_cast<float*>(lse.data)[i / job.group * lse.stride + i % job.group] =
        scratch.max[i] + std::log(scratch.sum[i]);
}

}  // namespace

// Whether every task has all queries of its sequence: then it stores the new keys and values of its
// head itself, in the cache lines that it is about to read.
bool store_their_own(const AttentionSpec& spec, const AttentionForward& args) {
  if (args.page_keys == 0 || !caches_panels(spec)) return false;
  const std::int64_t most = block_queries(spec);
  return std::all_of(args.sequences.begin(), args.sequences.end(),
                     [&](const auto& s) { return s.query_end - s.query_begin <= most; });
}

void forward_vector(Stream& stream, const AttentionSpec& spec, const AttentionForward& args) {
  const bool own = store_their_own(spec, args);
  if (args.page_keys != 0 && !own) store_new(stream, spec, args);
  const std::size_t bytes = ForwardScratch(nullptr, spec).bytes;
  const auto block = STEMMA_PICK_PATH(attention_block);
  const Parts parts(spec);
  std::optional<PartialSums> partial;
  if (parts.end() - parts.begin() > 1) partial.emplace(stream, spec, args.q.rows());
  for (const Part& part : parts) {
    const std::vector<Task> tasks = split(spec, part, args.sequences, block_queries(spec));
    const auto work = [&](const Task& task, const ForwardScratch& scratch) {
      if (own) store_new_head(spec, args, *task.sequence, task.kv_head);
      for (std::int64_t number = task.stripe_begin; number < task.stripe_end; ++number) {
        const Stripe stripe = stripe_of(spec, part, *task.sequence, number);
        if (stripe.queries <= task.begin) continue;
        ForwardJob job = job_of(spec, args, part, task, stripe);
        const std::int64_t step = stripe.step;
        const std::int64_t row = task.sequence->query_begin + number + task.begin * step;
        if (partial) job.partial = partial->at(row, job.head, step);
        block(job, scratch);
        if (args.lse && part.last) write_lse(job, scratch, Rows(args.lse, row, job.head, step));
      }
    };
    const auto range = [&](std::int64_t begin, std::int64_t end, int worker) {
      const cpu::FlushDenormals flush;
      const ForwardScratch scratch(reinterpret_cast<float*>(stream.scratch(worker, bytes)), spec);
      for (std::int64_t t = begin; t < end; ++t) work(tasks[static_cast<std::size_t>(t)], scratch);
    };
    stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1, range);
  }
}

}  // namespace stemma::kernels::attention
#endif
