// What the attention sources share: checks, the work of one (sequence, head), the entry points of
// the vector kernels. Private to kernels/cpu.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/attention.h"

namespace stemma::kernels::attention {

// Throw invalid_argument naming what does not fit. The backward check returns false where no
// gradient is wanted.
void check(const AttentionSpec& spec, const AttentionForward& args);
bool check(const AttentionSpec& spec, const AttentionBackward& args);

// Keys of `sequence` that the query at row query_begin + i sees: a prefix.
inline std::int64_t visible_keys(const AttentionSpec& spec, const AttentionSequence& sequence,
                                 std::int64_t i) {
  const std::int64_t past = sequence.first_position + i + 1;
  return spec.causal && past < sequence.keys ? past : sequence.keys;
}

inline PhiloxKey head_key(const AttentionSpec& spec, std::int64_t head) {
  return {spec.dropout_key.low, spec.dropout_key.high + static_cast<std::uint32_t>(head)};
}

// `grain` queries of one head of one sequence: what a worker takes at a time.
struct Task {
  const AttentionSequence* sequence;
  std::int64_t head;
  std::int64_t begin, end;  // queries, counted from query_begin
};
// Longest first where queries see a growing number of keys, so that workers finish together.
std::vector<Task> split(const AttentionSpec& spec, std::span<const AttentionSequence> sequences,
                        std::int64_t grain);

// Rows of one head of one sequence in a packed tensor.
struct Rows {
  void* data = nullptr;     // row 0
  std::int64_t stride = 0;  // in elements
  bool narrow = false;      // bf16, otherwise f32

  Rows() = default;
  Rows(const Tensor& tensor, std::int64_t row, std::int64_t column)
      : data(static_cast<std::byte*>(tensor.raw()) +
             static_cast<std::size_t>(row * tensor.row_stride() + column) *
                 size_of(tensor.dtype())),
        stride(tensor.row_stride()),
        narrow(tensor.dtype() == DType::bf16) {}
};

// Dropout of one head of one sequence: a weight is kept when its 24 random bits are ≥ threshold.
struct DropoutJob {
  PhiloxKey key;
  std::uint32_t number = 0, step = 0, first_position = 0;
  std::int32_t threshold = 0;  // ceil(p · 2^24)
  float factor = 1;            // 1 / (1 - p)
  bool on = false;

  DropoutJob(const AttentionSpec& spec, const Task& task);
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
