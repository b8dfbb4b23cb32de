// Attention in scalar code, as the contract of kernels/attention.h reads.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/cpu/attention_internal.h"
#include "kernels/cpu/denormals.h"

namespace stemma::kernels {
namespace {

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
  Dropout(const AttentionSpec& spec, const Task& task, std::int64_t query)
      : p_(spec.dropout),
        key_(attention::head_key(spec, task.head)),
        position_(static_cast<std::uint32_t>(task.sequence->first_position + query)),
        number_(static_cast<std::uint32_t>(task.sequence->number)),
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

template <class C, class A, class B>
C dot(const A* a, const B* b, std::int64_t size) {
  C sum = 0;
  for (std::int64_t d = 0; d < size; ++d) sum += C(load(a[d])) * C(load(b[d]));
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

template <class C, class In, class Out>
void forward_row(const AttentionSpec& spec, const AttentionForward& args, const Task& task,
                 std::int64_t query) {
  const AttentionSequence& sequence = *task.sequence;
  const std::int64_t size = spec.head_size, column = task.head * size;
  const std::int64_t row = sequence.query_begin + query;
  const std::int64_t visible = attention::visible_keys(spec, sequence, query);
  const In* q = row_of<In>(args.q, row, column);
  const auto score = [&](std::int64_t key) {
    return dot<C>(q, row_of<In>(args.k, sequence.key_begin + key, column), size) * C(spec.scale);
  };
  const Dropout<C> dropout(spec, task, query);
  Softmax<C> all, chunk;
  all.values.assign(static_cast<std::size_t>(size), C(0));
  std::vector<C> scores(static_cast<std::size_t>(visible));
  for (std::int64_t begin = 0; begin < visible; begin += kKeyChunk) {
    const std::int64_t end = std::min(visible, begin + kKeyChunk);
    chunk = Softmax<C>();
    chunk.values.assign(static_cast<std::size_t>(size), C(0));
    for (std::int64_t key = begin; key < end; ++key)
      chunk.max = std::max(chunk.max, scores[static_cast<std::size_t>(key)] = score(key));
    for (std::int64_t key = begin; key < end; ++key) {
      const C weight = std::exp(scores[static_cast<std::size_t>(key)] - chunk.max);
      chunk.sum += weight;
      const C kept = weight * dropout(key);
      const In* v = row_of<In>(args.v, sequence.key_begin + key, column);
      for (std::int64_t d = 0; d < size; ++d)
        chunk.values[static_cast<std::size_t>(d)] += kept * C(load(v[d]));
    }
    if (begin == 0)
      all = chunk;
    else
      all.merge(chunk);
  }
  Out* out = row_of<Out>(args.out, row, column);
  for (std::int64_t d = 0; d < size; ++d)
    store(out[d], all.values[static_cast<std::size_t>(d)] / all.sum);
  if (args.lse) *row_of<C>(args.lse, row, task.head) = all.max + std::log(all.sum);

  const auto intermediate = [&](const Tensor& tensor, auto&& value) {
    if (!tensor) return;
    C* to = tensor.data<C>() + (row * spec.heads + task.head) * tensor.dim(-1);
    for (std::int64_t key = 0; key < tensor.dim(-1); ++key)
      to[key] = key < sequence.keys ? value(key) : C(0);
  };
  intermediate(args.scores, score);
  intermediate(args.weights, [&](std::int64_t key) {
    return key < visible ? std::exp(scores[static_cast<std::size_t>(key)] - all.max) / all.sum
                         : C(0);
  });
}

template <class C, class In, class Out>
void forward(Stream& stream, const AttentionSpec& spec, const AttentionForward& args) {
  const std::vector<Task> tasks = attention::split(spec, args.sequences, 32);
  stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1,
                            [&](std::int64_t begin, std::int64_t end, int) {
                              const cpu::FlushDenormals flush;
                              for (std::int64_t t = begin; t < end; ++t) {
                                const Task& task = tasks[static_cast<std::size_t>(t)];
                                for (std::int64_t i = task.begin; i < task.end; ++i)
                                  forward_row<C, In, Out>(spec, args, task, i);
                              }
                            });
}

template <class C>
void write(const GradientOut& gradient, bool add, std::int64_t row, std::int64_t column,
           const C* values, std::int64_t size) {
  C* to = row_of<C>(gradient.tensor, row, column);
  for (std::int64_t d = 0; d < size; ++d) to[d] = add ? to[d] + values[d] : values[d];
}

// One pair of chunks: adds the pairs' terms to dk and dv [keys, D] of the chunk, and the chunk's
// share of dq to memory.
template <class C, class In, class Out>
void backward_chunks(const AttentionSpec& spec, const AttentionBackward& args, const Task& task,
                     std::int64_t first_query, std::int64_t first_key, std::vector<C>& dk,
                     std::vector<C>& dv) {
  const AttentionSequence& sequence = *task.sequence;
  const std::int64_t size = spec.head_size, column = task.head * size;
  const std::int64_t last_query = std::min(task.end, first_query + kKeyChunk);
  std::vector<C> dq(static_cast<std::size_t>(size));
  for (std::int64_t i = first_query; i < last_query; ++i) {
    const std::int64_t row = sequence.query_begin + i;
    const In* q = row_of<In>(args.q, row, column);
    const C* dout = row_of<C>(args.dout, row, column);
    const C delta = dot<C>(dout, row_of<Out>(args.out, row, column), size);
    const C lse = *row_of<C>(args.lse, row, task.head);
    const Dropout<C> dropout(spec, task, i);
    const std::int64_t end =
        std::min(attention::visible_keys(spec, sequence, i), first_key + kKeyChunk);
    std::fill(dq.begin(), dq.end(), C(0));
    for (std::int64_t key = first_key; key < end; ++key) {
      const In* k = row_of<In>(args.k, sequence.key_begin + key, column);
      const In* v = row_of<In>(args.v, sequence.key_begin + key, column);
      const C weight = std::exp(dot<C>(q, k, size) * C(spec.scale) - lse);
      const C factor = dropout(key);
      const C dscore = weight * (dot<C>(dout, v, size) * factor - delta) * C(spec.scale);
      const std::size_t at = static_cast<std::size_t>((key - first_key) * size);
      for (std::int64_t d = 0; d < size; ++d) {
        dv[at + static_cast<std::size_t>(d)] += weight * factor * dout[d];
        dk[at + static_cast<std::size_t>(d)] += dscore * C(load(q[d]));
        dq[static_cast<std::size_t>(d)] += dscore * C(load(k[d]));
      }
    }
    if (first_key == 0 || first_key < end)
      write(args.dq, args.dq.add || first_key > 0, row, column, dq.data(), size);
  }
}

template <class C, class In, class Out>
void backward(Stream& stream, const AttentionSpec& spec, const AttentionBackward& args) {
  const std::vector<Task> tasks =
      attention::split(spec, args.sequences, std::numeric_limits<std::int64_t>::max());
  const auto one = [&](const Task& task) {
    const std::int64_t size = spec.head_size, column = task.head * size;
    for (std::int64_t first_key = 0; first_key < task.sequence->keys; first_key += kKeyChunk) {
      const std::int64_t keys = std::min(kKeyChunk, task.sequence->keys - first_key);
      const std::size_t elements = static_cast<std::size_t>(keys * size);
      std::vector<C> dk(elements), dv(elements);
      for (std::int64_t i = spec.causal ? first_key : 0; i < task.end; i += kKeyChunk) {
        std::vector<C> chunk_dk(elements), chunk_dv(elements);
        backward_chunks<C, In, Out>(spec, args, task, i, first_key, chunk_dk, chunk_dv);
        for (std::size_t e = 0; e < elements; ++e) {
          dk[e] += chunk_dk[e];
          dv[e] += chunk_dv[e];
        }
      }
      for (std::int64_t key = 0; key < keys; ++key) {
        const std::int64_t row = task.sequence->key_begin + first_key + key;
        write(args.dk, args.dk.add, row, column, dk.data() + key * size, size);
        write(args.dv, args.dv.add, row, column, dv.data() + key * size, size);
      }
    }
  };
  stream.workers().for_each(static_cast<std::int64_t>(tasks.size()), 1,
                            [&](std::int64_t begin, std::int64_t end, int) {
                              const cpu::FlushDenormals flush;
                              for (std::int64_t t = begin; t < end; ++t)
                                one(tasks[static_cast<std::size_t>(t)]);
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
  with_types(args.q, args.out, [&](auto c, auto in, auto out) {
    forward<decltype(c), decltype(in), decltype(out)>(stream, spec, args);
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
