#include "kernels/cpu/attention/cache.h"

#include <algorithm>

namespace stemma::kernels::attention {
namespace {

void store(float& to, float value) { to = value; }
void store(bf16& to, bf16 value) { to = value; }
void store(bf16& to, float value) { to = to_bf16(value); }

template <class T>
const T* new_row(const Tensor& rows, std::int64_t row, std::int64_t column) {
  return rows.data<T>() + row * rows.row_stride() + column;
}

// Places [begin, end) of a head in its page; their keys are the rows of `from`, `stride` apart.
template <class From, class T>
void store_panels(const From* from, std::int64_t stride, std::int64_t begin, std::int64_t end,
                  std::int64_t size, T* head) {
  for (std::int64_t place = begin; place < end;) {
    const std::int64_t column = place % kKeyPanel;
    const std::int64_t count = std::min(kKeyPanel - column, end - place);
    T* panel = head + (place - column) * size + column;
    for (std::int64_t d = 0; d < size; ++d)
      for (std::int64_t j = 0; j < count; ++j)
        store(panel[d * kKeyPanel + j], from[(place - begin + j) * stride + d]);
    place += count;
  }
}

template <class From, class T>
void store_rows(const From* from, std::int64_t stride, std::int64_t begin, std::int64_t end,
                std::int64_t size, T* head) {
  for (std::int64_t place = begin; place < end; ++place, from += stride)
    for (std::int64_t d = 0; d < size; ++d) store(head[place * size + d], from[d]);
}

template <class From, class T>
void store_head(const AttentionSpec& spec, const AttentionForward& args, const AttentionSequence& s,
                std::int64_t kv_head) {
  const std::int64_t size = spec.head_size, column = kv_head * size;
  const std::int64_t last = s.first_position + s.query_end - s.query_begin;
  const auto store = caches_panels(spec) ? store_panels<From, T> : store_rows<From, T>;
  for (std::int64_t key = s.first_position; key < last;) {
    const std::int64_t begin = key % args.page_keys;
    const std::int64_t end = std::min(args.page_keys, begin + last - key);
    const std::int64_t head = page_row(spec, args, s, kv_head, key) * size;
    const std::int64_t row = s.query_begin + key - s.first_position;
    store(new_row<From>(args.new_k, row, column), args.new_k.row_stride(), begin, end, size,
          args.k.data<T>() + head);
    store_rows(new_row<From>(args.new_v, row, column), args.new_v.row_stride(), begin, end, size,
               args.v.data<T>() + head);
    key += end - begin;
  }
}

}  // namespace

void store_new_head(const AttentionSpec& spec, const AttentionForward& args,
                    const AttentionSequence& s, std::int64_t kv_head) {
  args.q.dtype() == DType::bf16   ? store_head<bf16, bf16>(spec, args, s, kv_head)
  : args.k.dtype() == DType::bf16 ? store_head<float, bf16>(spec, args, s, kv_head)
                                  : store_head<float, float>(spec, args, s, kv_head);
}

void store_new(Stream& stream, const AttentionSpec& spec, const AttentionForward& args) {
  const std::int64_t heads = spec.key_value_heads();
  stream.workers().for_each(
      std::ssize(args.sequences) * heads, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i)
          store_new_head(spec, args, args.sequences[static_cast<std::size_t>(i / heads)],
                         i % heads);
      });
}

}  // namespace stemma::kernels::attention
