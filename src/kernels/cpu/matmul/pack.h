// Packing of operands for the matrix product: from any storage of A and B (matmul.h) to the packed
// micro-panels that a microkernel reads in order. Private to kernels/cpu/matmul/.
//
// A packed micro-panel of A is called a strip, one of B a panel: a panel has kPanelWidth columns
// and holds element (k, n) at [k * 32 + n]; a strip of r rows holds element (i, k) at [k * r + i].
//
// Packing works on pieces of at most 16 rows or columns. Where k runs along the rows of memory a
// piece is transposed, elsewhere it is copied row by row. Both widen the stored element (bf16, f16)
// to f32 and, for Multiply::bf16, round it to bf16. What is loops over vectors stands in the file
// of each instruction set and is reached through Packers; which piece of memory belongs to which
// strip or panel is decided here, once for all.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/matmul.h"

namespace stemma::kernels::cpu {

// A range of k.
struct Depth {
  std::int64_t begin = 0, count = 0;
};

// Packing writes whole vectors: up to kPackSlack bytes behind the end of what it packs are
// overwritten.
inline constexpr std::size_t kPackSlack = 64;

// Neighbouring strips or panels: how many, and the bytes from one packed to the next.
struct PackGroup {
  std::int64_t count = 0, bytes = 0;
};

// A piece of an operand's memory that packing reads, and how it lies.
struct PackSource {
  const void* data = nullptr;  // the first element of the piece
  DType dtype = DType::f32;
  std::int64_t stride = 0;  // elements between its rows
  bool round = false;       // round to bf16 (and back): Multiply::bf16 in f32 arithmetic
};

// Calls f with a value of the element type of an operand: float, bf16 or f16.
template <class F>
void with_element(DType type, F&& f) {
  if (type == DType::bf16)
    f(bf16{});
  else if (type == DType::f16)
    f(f16{});
  else
    f(float{});
}

// copy:      to[k * to_stride + j] = piece[k][j]  for k < depth, j < width
// transpose: to[k * to_stride + j] = piece[j][k]  for k < depth, j < width
// 0 ≤ width ≤ 16. Rows are written in ascending order as 16 floats (or, where to_stride ≤ 8, as 8),
// zeros past `width`; where to_stride is less, the next row overwrites the excess, and the last one
// spills into the slack.
// The packers of avx512_bf16.cc write for every pair of k a row of 16 pairs of bf16 instead,
// 32 bits each.
struct PackShape {
  std::int64_t depth = 0, width = 0, to_stride = 0;
};

// The vector loops of one instruction set.
struct Packers {
  void (*copy)(const PackSource& piece, const PackShape& shape, float* to) = nullptr;
  void (*transpose)(const PackSource& piece, const PackShape& shape, float* to) = nullptr;
  std::int64_t row_depth = 1;  // k in one packed row: 2 where pairs are packed

  // Neighbouring whole strips or panels whose rows of memory are one row, which is then read once:
  // the i-th goes to `to` + i * distance. Null: this instruction set copies one by one.
  using CopyMany = void (*)(const PackSource& piece, std::int64_t depth, std::int64_t distance,
                            float* to);
  std::int64_t strip_rows = 0;
  std::int64_t strips_at_once = 0, panels_at_once = 0;
  CopyMany copy_strips = nullptr;  // strips_at_once of them; reads two elements past the last
  CopyMany copy_panels = nullptr;  // panels_at_once of them
  CopyMany copy_panel = nullptr;   // one
};
const Packers& avx2_packers();
const Packers& avx512_packers();

// One strip from row `row` on, one panel from column `col` on, in the elements that the packers
// write. Of an operand in transposed panels, depth.begin is a multiple of kPanelWidth.
void pack_strip_with(const Packers& packers, const MatmulArgs& args, std::int64_t row, int rows,
                     Depth depth, float* to);
void pack_panel_with(const Packers& packers, const MatmulArgs& args, std::int64_t col, Depth depth,
                     float* to);
// The first strips or panels of a group, if they can be copied many at once: returns how many were
// packed, which may be none.
std::int64_t pack_strips_with(const Packers& packers, const MatmulArgs& args, std::int64_t row,
                              const PackGroup& group, Depth depth, float* to);
std::int64_t pack_panels_with(const Packers& packers, const MatmulArgs& args, std::int64_t col,
                              const PackGroup& group, Depth depth, float* to);

// The four as members of an Engine (kernels.h), which know their packers.
template <const Packers& kPackers>
struct PackWith {
  static void strip(const MatmulArgs& args, std::int64_t row, int rows, Depth depth, void* to) {
    pack_strip_with(kPackers, args, row, rows, depth, static_cast<float*>(to));
  }
  static void panel(const MatmulArgs& args, std::int64_t col, Depth depth, void* to) {
    pack_panel_with(kPackers, args, col, depth, static_cast<float*>(to));
  }
  static std::int64_t strips(const MatmulArgs& args, std::int64_t row, const PackGroup& group,
                             Depth depth, void* to) {
    return pack_strips_with(kPackers, args, row, group, depth, static_cast<float*>(to));
  }
  static std::int64_t panels(const MatmulArgs& args, std::int64_t col, const PackGroup& group,
                             Depth depth, void* to) {
    return pack_panels_with(kPackers, args, col, group, depth, static_cast<float*>(to));
  }
};

// to[i] = from[i] rounded to nearest even, i < 32.
void round_to_bf16(const float* from, std::uint16_t* to);
void round_to_f16(const float* from, std::uint16_t* to);
// to[i] = bf16 of even[i] in the lower half and of odd[i] in the upper half, i < 32: the pairs that
// AMX tiles are made of.
void pair_to_bf16(const float* even, const float* odd, std::uint32_t* to);

}  // namespace stemma::kernels::cpu
