// What the attention sources share: checks, division of the work, the entry points of the vector
// kernels. Private to kernels/cpu.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/attention.h"
#include "kernels/cpu/attention/stripes.h"

namespace stemma::kernels::attention {

// Throw invalid_argument naming what does not fit. The backward check returns false where no
// gradient is wanted.
void check(const AttentionSpec& spec, const AttentionForward& args);
bool check(const AttentionSpec& spec, const AttentionBackward& args);

// What a worker takes at a time: for the query heads of one key-value head of one sequence, the
// queries [begin, end) of each of some stripes of one part of the pattern.
struct Task {
  const AttentionSequence* sequence;
  std::int64_t kv_head;
  std::int64_t stripe_begin, stripe_end;
  std::int64_t begin, end;  // counted from the stripe's first query; a shorter stripe ends earlier
  std::int64_t pairs;       // of a query and a key, about: the work
};
// At most `grain` queries of a stripe to a task; short stripes share one. Most work first, so that
// workers finish together.
std::vector<Task> split(const AttentionSpec& spec, const Part& part,
                        std::span<const AttentionSequence> sequences, std::int64_t grain);

// Every `step`-th row of one head of one sequence in a packed tensor.
struct Rows {
  void* data = nullptr;     // row 0
  std::int64_t stride = 0;  // in elements
  bool narrow = false;      // bf16, otherwise f32

  Rows() = default;
  Rows(const Tensor& tensor, std::int64_t row, std::int64_t column, std::int64_t step = 1)
      : data(static_cast<std::byte*>(tensor.raw()) +
             static_cast<std::size_t>(row * tensor.row_stride() + column) *
                 size_of(tensor.dtype())),
        stride(tensor.row_stride() * step),
        narrow(tensor.dtype() == DType::bf16) {}

  Rows columns_from(std::int64_t column) const {
    Rows rows = *this;
    rows.data = static_cast<std::byte*>(data) + column * (narrow ? 2 : 4);
    return rows;
  }
};

inline PhiloxKey head_key(const AttentionSpec& spec, std::int64_t head) {
  return {spec.dropout_key.low, spec.dropout_key.high + static_cast<std::uint32_t>(head)};
}

// Dropout of one sequence: a weight is kept when its 24 random bits are ≥ threshold.
struct DropoutJob {
  PhiloxKey key;  // of head 0
  std::uint32_t number = 0, step = 0;
  std::int32_t threshold = 0;  // ceil(p · 2^24)
  float factor = 1;            // 1 / (1 - p)
  bool on = false;

  DropoutJob(const AttentionSpec& spec, const AttentionSequence& sequence);
};

// Queries that go through scores, softmax and weighted sum together, and the floats between the
// rows of such a tile: an odd number of cache lines, so that a column of rows spreads over the
// cache.
inline constexpr std::int64_t kTileRows = 48;
inline constexpr std::int64_t kTileStride = kKeyChunk + 16;

// Cuts a worker's scratch memory into parts aligned to 64 bytes; on nullptr it only counts.
class Carver {
 public:
  explicit Carver(float* memory) : memory_(memory) {}
  float* take(std::int64_t floats) {
    float* part = memory_ ? memory_ + taken_ : nullptr;
    taken_ += (floats + 15) / 16 * 16;
    return part;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(taken_) * sizeof(float); }

 private:
  float* memory_;
  std::int64_t taken_ = 0;
};

// The vector kernels of kernel_path(): f32 or bf16 operands, arguments already checked.
void forward_vector(Stream& stream, const AttentionSpec& spec, const AttentionForward& args);
void backward_vector(Stream& stream, const AttentionSpec& spec, const AttentionBackward& args);

}  // namespace stemma::kernels::attention
