// Attention: argument checks, division of the work, choice of the kernel.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/attention/cache.h"
#include "kernels/cpu/attention/internal.h"

namespace stemma::kernels {
namespace attention {
namespace {

constexpr std::int64_t kMaxHeadSize = 256;
constexpr std::int64_t kMaxPatternSize = std::numeric_limits<std::int32_t>::max();

std::string describe(std::int64_t value) { return std::to_string(value); }
std::string describe(const char* value) { return value; }
std::string describe(float value) { return std::to_string(value); }
std::string describe(const Tensor& t) {
  return t ? fmt::format("{} {}", to_string(t.dtype()), t.shape().to_string()) : "nothing";
}
std::string describe(const AttentionSequence& s) {
  return fmt::format("queries [{}, {}), first position {}, {} keys from row {}, {} pages",
                     s.query_begin, s.query_end, s.first_position, s.keys, s.key_begin,
                     s.pages.size());
}

template <class T>
void require(bool holds, std::string_view what, const T& came) {
  if (!holds)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[attention] {}, got {}", what, describe(came)));
}

void check_tensor(std::string_view what, const Tensor& t, std::int64_t rows, std::int64_t cols,
                  DType type) {
  if (t && t.rows() == rows && t.cols() == cols && t.dtype() == type) return;
  require(false, fmt::format("{} must be {} [{}, {}]", what, to_string(type), rows, cols), t);
}

void check_spec(const AttentionSpec& spec) {
  require(spec.heads >= 1, "heads must be at least 1", spec.heads);
  require(spec.head_size >= 1 && spec.head_size <= kMaxHeadSize, "head_size must be in 1..256",
          spec.head_size);
  require(spec.kv_heads >= 0 && spec.heads % spec.key_value_heads() == 0,
          fmt::format("kv_heads must be 0 or divide the {} heads", spec.heads), spec.kv_heads);
  if (spec.pattern.kind != AttentionPattern::Kind::dense) {
    require(spec.pattern.k >= 1 && spec.pattern.k <= kMaxPatternSize,
            "k of a sparse pattern must be in 1..2^31-1", spec.pattern.k);
    require(spec.causal, "a sparse pattern must be causal (set causal, or take the pattern dense)",
            "causal = false");
  }
  require(spec.dropout >= 0.0f && spec.dropout < 1.0f, "dropout must be in [0, 1)", spec.dropout);
}

// f32 where the operands are f32 or bf16, f64 where they are f64.
DType wide(const Tensor& q) { return q.dtype() == DType::f64 ? DType::f64 : DType::f32; }

void check_operands(const AttentionSpec& spec, const Tensor& q, const Tensor& k, const Tensor& v,
                    const Tensor& out, std::int64_t kv_cols, DType kv_type) {
  const std::int64_t cols = spec.heads * spec.head_size;
  require(q && q.dtype() != DType::i32, "q must be f32, bf16 or f64", q);
  require(static_cast<bool>(k), "k must be a tensor", k);
  check_tensor("q", q, q.rows(), cols, q.dtype());
  check_tensor("k", k, k.rows(), kv_cols, kv_type);
  check_tensor("v", v, k.rows(), kv_cols, kv_type);
  const bool narrow = out && out.dtype() == DType::bf16 && q.dtype() != DType::f64;
  check_tensor("out", out, q.rows(), cols, narrow ? DType::bf16 : wide(q));
}

void check_sequence(const AttentionSpec& spec, const AttentionSequence& s, std::int64_t query_rows,
                    std::int64_t key_rows) {
  require(s.query_begin >= 0 && s.query_begin <= s.query_end && s.query_end <= query_rows,
          "a sequence's queries must be rows of q", s);
  const std::int64_t queries = s.query_end - s.query_begin;
  if (queries == 0) return;
  require(s.keys >= 1 && s.key_begin >= 0 && s.keys <= key_rows && s.key_begin <= key_rows - s.keys,
          "a sequence's keys must be at least 1 row of k", s);
  require(s.first_position >= 0 &&
              (!spec.causal || (queries <= s.keys && s.first_position <= s.keys - queries)),
          "a causal query must find the key of its own position", s);
}

void check_pages(const AttentionSpec& spec, const AttentionForward& args,
                 const AttentionSequence& s) {
  require(s.first_position + s.query_end - s.query_begin == s.keys &&
              s.keys <= std::ssize(s.pages) * args.page_keys,
          "a sequence must end with its queries and lie in its pages", s);
  require(s.pages.size() <= 1 || (args.page_keys % kKeyChunk == 0 && caches_panels(spec)),
          fmt::format("sequences of several pages need pages of a multiple of {} keys, and a dense "
                      "or local pattern",
                      kKeyChunk),
          s);
  const std::int64_t pages = args.k.rows() / (spec.key_value_heads() * args.page_keys);
  for (const std::int32_t page : s.pages)
    require(page >= 0 && page < pages, fmt::format("a page must be one of {}", pages),
            std::int64_t{page});
}

// Keys and values of a cache, and what is written to it.
void check_cache(const AttentionSpec& spec, const AttentionForward& args) {
  const std::int64_t heads = spec.key_value_heads(), page_rows = heads * args.page_keys;
  require(args.page_keys > 0 && args.page_keys % kKeyPanel == 0,
          fmt::format("page_keys must be a multiple of {}", kKeyPanel), args.page_keys);
  require(args.q && args.q.dtype() != DType::f64, "q of a cache must be f32 or bf16", args.q);
  require(spec.causal, "attention to a cache must be causal", "causal = false");
  const DType type = args.k && args.k.dtype() == DType::bf16 ? DType::bf16 : args.q.dtype();
  check_operands(spec, args.q, args.k, args.v, args.out, spec.head_size, type);
  require(args.k.contiguous() && args.k.rows() % page_rows == 0,
          fmt::format("a cache must be contiguous and have a multiple of {} rows", page_rows),
          args.k);
  require(args.v.contiguous(), "a cache must be contiguous", args.v);
  for (const auto& [name, rows] : {std::pair("new_k", &args.new_k), {"new_v", &args.new_v}})
    check_tensor(name, *rows, args.q.rows(), heads * spec.head_size, args.q.dtype());
  for (const AttentionSequence& s : args.sequences) check_pages(spec, args, s);
}

}  // namespace

void check(const AttentionSpec& spec, const AttentionForward& args) {
  check_spec(spec);
  const bool cache = args.page_keys != 0;
  if (cache)
    check_cache(spec, args);
  else
    check_operands(spec, args.q, args.k, args.v, args.out, spec.key_value_heads() * spec.head_size,
                   args.q ? args.q.dtype() : DType::f32);
  if (args.lse) check_tensor("lse", args.lse, args.q.rows(), spec.heads, wide(args.q));
  const std::int64_t key_rows = cache ? args.k.rows() / spec.key_value_heads() : args.k.rows();
  std::int64_t most_keys = 0;
  for (const AttentionSequence& s : args.sequences) {
    check_sequence(spec, s, args.q.rows(), key_rows);
    most_keys = std::max(most_keys, s.keys);
  }
  for (const Tensor* t : {&args.scores, &args.weights})
    require(
        !*t || (t->shape().rank() == 3 && t->dim(0) == args.q.rows() && t->dim(1) == spec.heads &&
                t->dim(2) >= most_keys && t->dtype() == wide(args.q) && t->contiguous()),
        "scores and weights must be dense [queries, heads, most keys] in f32 (f64)", *t);
}

bool check(const AttentionSpec& spec, const AttentionBackward& args) {
  const int wanted =
      static_cast<bool>(args.dq) + static_cast<bool>(args.dk) + static_cast<bool>(args.dv);
  require(wanted == 0 || wanted == 3, "dq, dk and dv must be wanted together",
          std::int64_t{wanted});
  if (wanted == 0) return false;
  check_spec(spec);
  const std::int64_t rows = args.q.rows(), cols = spec.heads * spec.head_size;
  const std::int64_t kv_cols = spec.key_value_heads() * spec.head_size;
  check_operands(spec, args.q, args.k, args.v, args.out, kv_cols,
                 args.q ? args.q.dtype() : DType::f32);
  const DType type = wide(args.q);
  check_tensor("lse", args.lse, rows, spec.heads, type);
  check_tensor("dout", args.dout, rows, cols, type);
  check_tensor("dq", args.dq.tensor, rows, cols, type);
  check_tensor("dk", args.dk.tensor, args.k.rows(), kv_cols, type);
  check_tensor("dv", args.dv.tensor, args.k.rows(), kv_cols, type);
  for (const AttentionSequence& s : args.sequences) {
    check_sequence(spec, s, rows, args.k.rows());
    require(s.query_begin == s.query_end ||
                (s.first_position == 0 && s.keys == s.query_end - s.query_begin &&
                 s.key_begin == s.query_begin),
            "the backward pass is for self-attention, whose keys are the rows of its queries", s);
  }
  return true;
}

std::vector<Task> split(const AttentionSpec& spec, const Part& part,
                        std::span<const AttentionSequence> sequences, std::int64_t grain) {
  constexpr std::int64_t kTaskQueries = 240;  // of short stripes together
  std::vector<Task> tasks;
  for (const AttentionSequence& s : sequences) {
    const std::int64_t stripes = stripes_of(part, s);
    if (stripes == 0) continue;
    const std::int64_t queries = stripe_of(spec, part, s, 0).queries;  // no stripe has more
    const std::int64_t together =
        queries > grain ? 1 : std::max<std::int64_t>(1, std::min(grain, kTaskQueries) / queries);
    for (std::int64_t stripe = 0; stripe < stripes; stripe += together)
      for (std::int64_t begin = 0; begin < queries;) {
        const std::int64_t end = grain < queries - begin ? begin + grain : queries;
        const std::int64_t until = std::min(stripe + together, stripes);
        const Stripe first = stripe_of(spec, part, s, stripe);
        const std::int64_t last = first.place + end - 1;
        const std::int64_t pairs =
            (until - stripe) * (end - begin) * (first.end(last) - first.begin(last));
        for (std::int64_t head = 0; head < spec.key_value_heads(); ++head)
          tasks.push_back({&s, head, stripe, until, begin, end, pairs});
        begin = end;
      }
  }
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& a, const Task& b) { return a.pairs > b.pairs; });
  return tasks;
}

DropoutJob::DropoutJob(const AttentionSpec& spec, const AttentionSequence& sequence)
    : key(spec.dropout_key),
      number(static_cast<std::uint32_t>(sequence.number)),
      step(spec.dropout_step),
      threshold(static_cast<std::int32_t>(std::ceil(spec.dropout * 0x1p24f))),
      factor(1.0f / (1.0f - spec.dropout)),
      on(spec.dropout > 0.0f) {}

}  // namespace attention

void attention_forward(Stream& stream, const AttentionSpec& spec, const AttentionForward& args) {
  if (args.q && (args.q.dtype() == DType::f64 || args.scores || args.weights))
    return attention_forward_reference(stream, spec, args);
  attention::check(spec, args);
  attention::forward_vector(stream, spec, args);
}

void attention_backward(Stream& stream, const AttentionSpec& spec, const AttentionBackward& args) {
  if (args.q && args.q.dtype() == DType::f64)
    return attention_backward_reference(stream, spec, args);
  if (attention::check(spec, args)) attention::backward_vector(stream, spec, args);
}

}  // namespace stemma::kernels
