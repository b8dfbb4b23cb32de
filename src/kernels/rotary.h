// Rotary position embedding (Su et al. 2021, "RoFormer", section 3.2.2): pairs of elements of the
// query and key heads are rotated by an angle that grows with the position of the token, so that a
// product of a query and a key depends on their distance only.
//
//   RotarySpec spec{.head_size = 64, .rotated_heads = 9 + 3, .base = 100000};
//   const RotaryTable table(spec, 8192);     // once per model
//   rotate(stream, table, batch.positions, qkv);
//
// Pair i of a head at position p becomes
//   (a, b)  ->  (a cos θ - b sin θ, b cos θ + a sin θ),  θ = p · frequencies[i].
// θ is the f32 product of the position and an f32 frequency, and its cosine and sine are the
// correctly rounded f32 values: what transformers computes, so a model meets the angles that it was
// trained with, also at positions where an f32 angle is coarse. (PyTorch's own functions are within
// one unit in the last place of these.)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// Which elements of a head of D are pair i.
enum class RotaryPairing : std::uint8_t {
  halves,      // i and i + D/2: checkpoints of Hugging Face
  neighbours,  // 2i and 2i + 1: the paper, Meta's own files, llama2.c, Llama in GGUF files
};

struct RotarySpec {
  std::int64_t head_size = 0;      // D, even
  std::int64_t rotated_heads = 0;  // the first heads of a row: query heads, then key heads
  double base = 10000;
  RotaryPairing pairing = RotaryPairing::halves;
  // [D/2] angle per position of each pair. Empty: rotary_frequencies(base, D). Scaled variants
  // (Llama 3, YaRN) are other numbers here and the factor below.
  std::vector<float> frequencies;
  float attention_factor = 1;  // multiplies every cosine and sine (YaRN's scale of the scores)
};

// 1 / base^(2i/D) for i < D/2, every step rounded to f32 as in transformers. (PyTorch's vectorised
// power is one unit in the last place away in about one frequency of a hundred.)
std::vector<float> rotary_frequencies(double base, std::int64_t head_size);

// The cosines and sines of every position below a limit. Immutable: may be read by any thread.
class RotaryTable {
 public:
  RotaryTable() = default;
  // Costs positions · D/2 cosines and sines on the calling thread. Throws invalid_argument: D odd
  // or not positive, no heads, no positions, frequencies of another number than D/2.
  RotaryTable(RotarySpec spec, std::int64_t positions);

  const RotarySpec& spec() const { return spec_; }
  std::int64_t positions() const { return cos_ ? cos_.rows() : 0; }
  const Tensor& cos() const { return cos_; }  // [positions, D/2] f32
  const Tensor& sin() const { return sin_; }  // [positions, D/2] f32

 private:
  RotarySpec spec_;
  Tensor cos_, sin_;
};

enum class Rotation : std::uint8_t { forward, back };  // by θ, by -θ: the gradient's

// Rotates the first rotated_heads · D columns of x in place; the other columns stay as they are.
// x [N, ≥ rotated_heads · D] f32, bf16 (f64), computed in f32 (f64, from the same table) with one
// fused multiply-add per element; positions [N]. A row depends on itself and its position only.
// Throws invalid_argument where x is too narrow or a position is outside the table, naming it.
void rotate(Stream& stream, const RotaryTable& table, std::span<const std::int32_t> positions,
            const Tensor& x, Rotation rotation = Rotation::forward);

}  // namespace stemma::kernels
