// Attention in scalar code, as the contract of kernels/attention.h reads.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/attention/cache.h"
#include "kernels/cpu/attention/internal.h"
#include "kernels/cpu/denormals.h"

namespace stemma::kernels {
namespace {

using attention::Part;
using attention::Parts;
using attention::Stripe;
using attention::Task;

float load(float value) { return value; }
double load(double value) { return value; }
float load(bf16 value) { return to_float(value); }
void store(float& to, float value) { to = value; }
void store(double& to, double value) { to = value; }
void store(bf16& to, float value) { to = to_bf16(value); }

template <class T>
T* row_of(const Tensor& tensor, std::int64_t row, std::int64_t column) {
  return tensor.data<T>() + row * tensor.row_stride() + column;
}

// The factor of one attention weight: 1 without dropout, 0 or 1/(1-p) with it.
template <class C>
class Dropout {
 public:
  Dropout(const AttentionSpec& spec, const AttentionSequence& sequence, std::int64_t head,
          std::int64_t query)
      : p_(spec.dropout),
        key_(attention::head_key(spec, head)),
        position_(static_cast<std::uint32_t>(sequence.first_position + query)),
        number_(static_cast<std::uint32_t>(sequence.number)),
        step_(spec.dropout_step) {}

  C operator()(std::int64_t key) const {
    if (p_ == 0.0f) return C(1);
    const auto bits =
        philox(key_, {static_cast<std::uint32_t>(key / 4), position_, number_, step_});
    return philox_uniform(bits[static_cast<std::size_t>(key % 4)]) >= p_ ? C(1) / (C(1) - C(p_))
                                                                         : C(0);
  }

 private:
  float p_;
  PhiloxKey key_;
  std::uint32_t position_, number_, step_;
};

// Elements of b are `step` apart.
template <class C, class A, class B>
C dot(const A* a, const B* b, std::int64_t size, std::int64_t step = 1) {
  C sum = 0;
  for (std::int64_t d = 0; d < size; ++d) sum += C(load(a[d])) * C(load(b[d * step]));
  return sum;
}

// Max, sum of exponentials and weighted sum of values over a chunk of keys, or over several.
template <class C>
struct Softmax {
  C max = -std::numeric_limits<C>::infinity();
  C sum = 0;
  std::vector<C> values;

  void merge(const Softmax& next) {
    const C top = std::max(max, next.max);
    const C mine = std::exp(max - top), theirs = std::exp(next.max - top);
    sum = sum * mine + next.sum * theirs;
    for (std::size_t d = 0; d < values.size(); ++d)
      values[d] = values[d] * mine + next.values[d] * theirs;
    max = top;
  }
};

// One query of one head. Kept: the type of keys and values.
template <class C, class In, class Kept, class Out>
class ForwardRow {
 public:
  ForwardRow(const AttentionSpec& spec, const AttentionForward& args,
             const AttentionSequence& sequence, std::int64_t head, std::int64_t query)
      : spec_(spec),
        args_(args),
        sequence_(sequence),
        head_(head),
        query_(query),
        row_(sequence.query_begin + query),
        q_(row_of<In>(args.q, row_, head * spec.head_size)),
        dropout_(spec, sequence, head, query),
        scores_(static_cast<std::size_t>(sequence.keys), -std::numeric_limits<C>::infinity()) {}

  void run() {
    for (const Part& part : Parts(spec_)) {
      const Stripe stripe = attention::stripe_of(spec_, part, sequence_, query_ % part.step);
      const std::int64_t place = stripe.place + query_ / part.step;
      const std::int64_t begin = stripe.begin(place), end = stripe.end(place);
      for (std::int64_t first = begin / kKeyChunk * kKeyChunk; first < end; first += kKeyChunk)
        take(chunk(stripe, std::max(begin, first), std::min(end, first + kKeyChunk)));
    }
    Out* out = row_of<Out>(args_.out, row_, head_ * spec_.head_size);
    for (std::int64_t d = 0; d < spec_.head_size; ++d)
      store(out[d], all_.values[static_cast<std::size_t>(d)] / all_.sum);
    if (args_.lse) *row_of<C>(args_.lse, row_, head_) = all_.max + std::log(all_.sum);
    give(args_.scores, [&](std::int64_t key) { return score(key); });
    give(args_.weights, [&](std::int64_t key) {
      return std::exp(scores_[static_cast<std::size_t>(key)] - all_.max) / all_.sum;
    });
  }

 private:
  C score(std::int64_t key) const {
    const bool panels = args_.page_keys != 0 && attention::caches_panels(spec_);
    const std::int64_t column = panels ? key % kKeyPanel : 0;
    const Kept* k = shared_row(args_.k, key - column) + column;
    return dot<C>(q_, k, spec_.head_size, panels ? kKeyPanel : 1) * C(spec_.scale);
  }

  const Kept* shared_row(const Tensor& tensor, std::int64_t key) const {
    const std::int64_t kv_head = head_ / spec_.group();
    if (args_.page_keys == 0)
      return row_of<Kept>(tensor, sequence_.key_begin + key, kv_head * spec_.head_size);
    const std::int64_t page = attention::page_row(spec_, args_, sequence_, kv_head, key);
    return row_of<Kept>(tensor, page + key % args_.page_keys, 0);
  }

  // The keys at places [begin, end) of the stripe, all of one chunk.
  Softmax<C> chunk(const Stripe& stripe, std::int64_t begin, std::int64_t end) {
    Softmax<C> chunk;
    chunk.values.assign(static_cast<std::size_t>(spec_.head_size), C(0));
    const auto key_at = [&](std::int64_t place) { return stripe.key + place * stripe.step; };
    for (std::int64_t place = begin; place < end; ++place) {
      const std::int64_t key = key_at(place);
      chunk.max = std::max(chunk.max, scores_[static_cast<std::size_t>(key)] = score(key));
    }
    for (std::int64_t place = begin; place < end; ++place) {
      const std::int64_t key = key_at(place);
      const C weight = std::exp(scores_[static_cast<std::size_t>(key)] - chunk.max);
      chunk.sum += weight;
      const C kept = weight * dropout_(key);
      const Kept* v = shared_row(args_.v, key);
      for (std::int64_t d = 0; d < spec_.head_size; ++d)
        chunk.values[static_cast<std::size_t>(d)] += kept * C(load(v[d]));
    }
    return chunk;
  }

  void take(Softmax<C> chunk) {
    if (all_.values.empty())
      all_ = std::move(chunk);
    else
      all_.merge(chunk);
  }

  template <class Value>
  void give(const Tensor& tensor, Value&& value) const {
    if (!tensor) return;
    C* to = tensor.data<C>() + (row_ * spec_.heads + head_) * tensor.dim(-1);
    for (std::int64_t key = 0; key < tensor.dim(-1); ++key)
      to[key] = key < sequence_.keys ? value(key) : C(0);
  }

  const AttentionSpec& spec_;
  const AttentionForward& args_;
  const AttentionSequence& sequence_;
  std::int64_t head_, query_, row_;
  const In* q_;
  Dropout<C> dropout_;
  std::vector<C> scores_;  // of every key; -inf where the query does not see it
  Softmax<C> all_;
};

// Calls run(task) on the workers.
template <class Run>
void for_tasks(Stream& stream, const std::vector<Task>& tasks, Run&& run) {
  stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1,
                            [&](std::int64_t begin, std::int64_t end, int) {
                              const cpu::FlushDenormals flush;
                              for (std::int64_t t = begin; t < end; ++t)
                                run(tasks[static_cast<std::size_t>(t)]);
                            });
}

template <class C, class In, class Kept, class Out>
void forward(Stream& stream, const AttentionSpec& spec, const AttentionForward& args) {
  const std::int64_t group = spec.group();
  for_tasks(stream, attention::split(spec, Part(), args.sequences, 32), [&](const Task& task) {
    for (std::int64_t i = task.begin; i < task.end; ++i)
      for (std::int64_t h = 0; h < group; ++h)
        ForwardRow<C, In, Kept, Out>(spec, args, *task.sequence, task.kv_head * group + h, i).run();
  });
}

template <class C>
void write(const GradientOut& gradient, bool add, std::int64_t row, std::int64_t column,
           const C* values, std::int64_t size) {
  C* to = row_of<C>(gradient.tensor, row, column);
  for (std::int64_t d = 0; d < size; ++d) to[d] = add ? to[d] + values[d] : values[d];
}

// Gradients of one stripe and one key-value head.
template <class C, class In, class Out>
class BackwardStripe {
 public:
  BackwardStripe(const AttentionSpec& spec, const AttentionBackward& args, const Part& part,
                 const Task& task, std::int64_t number)
      : spec_(spec),
        args_(args),
        part_(part),
        sequence_(*task.sequence),
        stripe_(attention::stripe_of(spec, part, sequence_, number)),
        kv_head_(task.kv_head),
        size_(spec.head_size) {}

  void run() const {
    for (std::int64_t first = 0; first < stripe_.keys; first += kKeyChunk) {
      const std::int64_t keys = std::min(kKeyChunk, stripe_.keys - first);
      const std::size_t elements = static_cast<std::size_t>(keys * size_);
      std::vector<C> dk(elements), dv(elements);
      for (std::int64_t i = stripe_.causal ? first : 0;
           i < stripe_.queries && stripe_.begin(i) < first + keys; i += kKeyChunk) {
        std::vector<C> chunk_dk(elements), chunk_dv(elements);
        for (std::int64_t h = 0; h < spec_.group(); ++h)
          chunks(kv_head_ * spec_.group() + h, i, first, chunk_dk, chunk_dv);
        for (std::size_t e = 0; e < elements; ++e) {
          dk[e] += chunk_dk[e];
          dv[e] += chunk_dv[e];
        }
      }
      // Keys that no query of this part sees are written by the other one.
      const std::int64_t seen = std::min(keys, stripe_.end(stripe_.queries - 1) - first);
      for (std::int64_t key = 0; key < seen; ++key) {
        const std::int64_t position = key_at(first + key), row = sequence_.key_begin + position;
        const bool begun = sequence_.keys - 1 - position >= part_.begun_from;
        const std::int64_t column = kv_head_ * size_;
        write(args_.dk, args_.dk.add || begun, row, column, dk.data() + key * size_, size_);
        write(args_.dv, args_.dv.add || begun, row, column, dv.data() + key * size_, size_);
      }
    }
  }

 private:
  std::int64_t key_at(std::int64_t place) const { return stripe_.key + place * stripe_.step; }

  // One pair of chunks and one query head: adds the pairs' terms to dk and dv [keys, D] of the
  // chunk, and the chunk's share of dq to memory.
  void chunks(std::int64_t head, std::int64_t first_query, std::int64_t first_key,
              std::vector<C>& dk, std::vector<C>& dv) const {
    const std::int64_t column = head * size_, kv_column = kv_head_ * size_;
    const std::int64_t last_query = std::min(stripe_.queries, first_query + kKeyChunk);
    std::vector<C> dq(static_cast<std::size_t>(size_));
    for (std::int64_t i = first_query; i < last_query; ++i) {
      const std::int64_t begin = std::max(stripe_.begin(i), first_key);
      const std::int64_t end = std::min(stripe_.end(i), first_key + kKeyChunk);
      if (begin >= end) continue;
      const std::int64_t query = key_at(i), row = sequence_.query_begin + query;
      const In* q = row_of<In>(args_.q, row, column);
      const C* dout = row_of<C>(args_.dout, row, column);
      const C delta = dot<C>(dout, row_of<Out>(args_.out, row, column), size_);
      const C lse = *row_of<C>(args_.lse, row, head);
      const Dropout<C> dropout(spec_, sequence_, head, query);
      std::fill(dq.begin(), dq.end(), C(0));
      for (std::int64_t place = begin; place < end; ++place) {
        const std::int64_t key = key_at(place);
        const In* k = row_of<In>(args_.k, sequence_.key_begin + key, kv_column);
        const In* v = row_of<In>(args_.v, sequence_.key_begin + key, kv_column);
        const C weight = std::exp(dot<C>(q, k, size_) * C(spec_.scale) - lse);
        const C factor = dropout(key);
        const C dscore = weight * (dot<C>(dout, v, size_) * factor - delta) * C(spec_.scale);
        const std::size_t at = static_cast<std::size_t>((place - first_key) * size_);
        for (std::int64_t d = 0; d < size_; ++d) {
          dv[at + static_cast<std::size_t>(d)] += weight * factor * dout[d];
          dk[at + static_cast<std::size_t>(d)] += dscore * C(load(q[d]));
          dq[static_cast<std::size_t>(d)] += dscore * C(load(k[d]));
        }
      }
      // The first chunk that the query sees sets the row.
      const bool begun = query >= part_.begun_from || stripe_.begin(i) < first_key;
      write(args_.dq, args_.dq.add || begun, row, column, dq.data(), size_);
    }
  }

  const AttentionSpec& spec_;
  const AttentionBackward& args_;
  const Part& part_;
  const AttentionSequence& sequence_;
  const Stripe stripe_;
  std::int64_t kv_head_, size_;
};

template <class C, class In, class Out>
void backward(Stream& stream, const AttentionSpec& spec, const AttentionBackward& args) {
  constexpr std::int64_t kWhole = std::numeric_limits<std::int64_t>::max();
  for (const Part& part : Parts(spec))
    for_tasks(stream, attention::split(spec, part, args.sequences, kWhole), [&](const Task& task) {
      for (std::int64_t s = task.stripe_begin; s < task.stripe_end; ++s)
        BackwardStripe<C, In, Out>(spec, args, part, task, s).run();
    });
}

// Calls `run` with the types (arithmetic, q k v, out) that the tensors have.
template <class Run>
void with_types(const Tensor& q, const Tensor& out, Run&& run) {
  const bool narrow = out.dtype() == DType::bf16;
  if (q.dtype() == DType::f64)
    run(double(), double(), double());
  else if (q.dtype() == DType::f32)
    narrow ? run(float(), float(), bf16()) : run(float(), float(), float());
  else
    narrow ? run(float(), bf16(), bf16()) : run(float(), bf16(), float());
}

}  // namespace

void attention_forward_reference(Stream& stream, const AttentionSpec& spec,
                                 const AttentionForward& args) {
  attention::check(spec, args);
  if (args.page_keys != 0) attention::store_new(stream, spec, args);
  with_types(args.q, args.out, [&](auto c, auto in, auto out) {
    using C = decltype(c);
    using In = decltype(in);
    using Out = decltype(out);
    args.k.dtype() == args.q.dtype() ? forward<C, In, In, Out>(stream, spec, args)
                                     : forward<C, In, bf16, Out>(stream, spec, args);
  });
}

void attention_backward_reference(Stream& stream, const AttentionSpec& spec,
                                  const AttentionBackward& args) {
  if (!attention::check(spec, args)) return;
  with_types(args.q, args.out, [&](auto c, auto in, auto out) {
    backward<decltype(c), decltype(in), decltype(out)>(stream, spec, args);
  });
}

}  // namespace stemma::kernels
