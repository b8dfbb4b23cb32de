// What the parts of the matrix product know of each other. Private to kernels/cpu/matmul*.cc.
//
// The driver (matmul.cc) packs A into strips of at most `strip_rows` rows and B into panels of
// kPanelWidth columns, and walks C in tiles of one strip times one panel. The sums of a tile lie in
// a small f32 buffer [rows, 32]: every block of kReductionBlock k adds its own sum to it, and the
// epilogue reads it when the last block is in. What a packed strip or panel looks like is the
// engine's own business; for FMA it is element (r, k) at a[k * rows + r] and (k, n) at b[k * 32 +
// n].
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/matmul.h"

namespace stemma::kernels::cpu {

// A range of k.
struct Depth {
  std::int64_t begin = 0, count = 0;
};

// The place of a tile in C.
struct TilePlace {
  std::int64_t row = 0, col = 0, rows = 0, cols = 0;
};

// sums = (first ? nothing : sums) + block sums of a strip of `rows` rows times a panel.
struct TileShape {
  int rows = 0;
  std::int64_t depth = 0;
  bool first = false;
  // Memory that is wanted soon: the tile may fetch Blocking::ahead_bytes of it per k.
  const std::byte* ahead = nullptr;
  const std::byte* next = nullptr;  // the strip of the next tile
  // Where the panel's pieces are shorter than a block (Blocking::panel_depth), a block's chains of
  // multiply-adds [rows, 32] lie here between two of them.
  float* chain = nullptr;
  bool resumes = false, suspends = false;  // the piece begins, ends inside a block
};

// How the driver cuts the work of an engine to the caches. None of it changes a bit of results.
struct Blocking {
  // Packed at a time: k (a multiple of kReductionBlock), and what all workers pack together.
  std::int64_t pass_depth = 4096;
  std::int64_t packed_strips_bytes = 8 << 20;  // part of the third cache
  std::int64_t packed_panels_bytes = 16 << 20;
  std::int64_t partial_bytes = 64 << 20;  // sums between two passes
  std::int64_t sub_depth = 1024;          // k that a task works on at a time
  std::int64_t streaming_depth = 1024;    // the same where there is only one strip
  // k of a panel that all strips of a task pass before its next k: a multiple of kReductionBlock,
  // or, where the tiles keep chains (TileShape), a divisor of it.
  std::int64_t panel_depth = 1 << 20;
  std::int64_t strip_bytes = 280 << 10;   // strips of a task: a quarter of a second cache of 1 MiB
  std::int64_t streamed_bytes = 3 << 20;  // strips that may pass by every panel
  std::int64_t task_panels = 32;          // panels of a task at most
  std::int64_t pack_strips = 4;           // strips packed by one task at most
  std::int64_t ahead_bytes = 64;          // fetched per k (TileShape::ahead)
  bool fetches_sources = false;           // of the next panel, where a task packs its own
  bool panels_first = false;  // tasks on the same strips follow each other, not on the same panels
};

// One way to multiply. Packing writes whole vectors: up to kPackSlack bytes behind the end of what
// it packs are overwritten.
inline constexpr std::size_t kPackSlack = 64;
// Neighbouring strips or panels: how many, and the bytes from one packed to the next.
struct PackGroup {
  std::int64_t count = 0, bytes = 0;
};
struct Engine {
  int strip_rows = 0;
  bool pads_rows = false;        // packed strips have strip_rows rows, whatever they hold
  std::int64_t depth_unit = 1;   // packed k are padded with zeros to a multiple of this
  std::size_t packed_bytes = 4;  // per packed element
  Blocking blocking = {};
  void (*pack_strip)(const MatmulArgs& args, std::int64_t row, int rows, Depth depth,
                     void* to) = nullptr;
  void (*pack_panel)(const MatmulArgs& args, std::int64_t col, Depth depth, void* to) = nullptr;
  // The same for the first of a group whose rows of memory can be read in one go, with the same
  // result: returns how many were packed. Null: none ever are.
  std::int64_t (*pack_strips)(const MatmulArgs& args, std::int64_t row, const PackGroup& group,
                              Depth depth, void* to) = nullptr;
  std::int64_t (*pack_panels)(const MatmulArgs& args, std::int64_t col, const PackGroup& group,
                              Depth depth, void* to) = nullptr;
  void (*tile)(const void* a, const void* b, const TileShape& shape, float* sums) = nullptr;
  // The same on panels of bf16 where they lie. Null: this engine reads no panels before packing;
  // otherwise, where Multiply is f32, `tile` reads panels of f32 where they lie, and a row of A in
  // f32 is a packed strip.
  void (*tile_bf16)(const void* a, const void* b, const TileShape& shape, float* sums) = nullptr;
  // Around every task, on the worker's thread; null: nothing to do.
  void (*enter)() = nullptr;
  void (*leave)() = nullptr;
};
const Engine& avx2_engine();
const Engine& avx512_engine();
const Engine& avx512_bf16_engine();    // only for Multiply::bf16, as AMX
const Engine& amx_engine();            // the instructions: only where the processor has them
const Engine& amx_emulation_engine();  // the same layouts and order in scalar code

// matmul on a given engine, f32 and bf16 operands.
void matmul_on(const Engine& engine, Stream& stream, const MatmulArgs& args);

// C(place) = epilogue(sums), sums [rows, 32]; the same bits on every path.
using Epilogue = void (*)(const MatmulArgs& args, const TilePlace& place, const float* sums);
Epilogue pick_epilogue();

// A piece of an operand's memory that packing reads, and how it lies.
struct PackSource {
  const void* data = nullptr;  // the first element of the piece
  DType dtype = DType::f32;
  std::int64_t stride = 0;  // elements between its rows
  bool round = false;       // round f32 to bf16 (and back): Multiply::bf16 in f32 arithmetic
};
// From element `at` of the operand's memory on.
PackSource piece_of(const MatmulArgs& args, const Operand& operand, std::int64_t at);
// copy:      to[k * to_stride + j] = piece[k][j]  for k < depth, j < width
// transpose: to[k * to_stride + j] = piece[j][k]  for k < depth, j < width
// 0 ≤ width ≤ 16. Rows are written in ascending order as 16 floats (or, where to_stride ≤ 8, as 8),
// zeros past `width`; where to_stride is less, the next row overwrites the excess, and the last one
// spills into the slack.
// The packers of matmul_avx512_bf16.cc write for every pair of k a row of 16 pairs of bf16 instead,
// 32 bits each.
struct PackShape {
  std::int64_t depth = 0, width = 0, to_stride = 0;
};
struct Packers {
  void (*copy)(const PackSource& piece, const PackShape& shape, float* to) = nullptr;
  void (*transpose)(const PackSource& piece, const PackShape& shape, float* to) = nullptr;
};
const Packers& avx2_packers();
const Packers& avx512_packers();
// A strip and a panel, in the elements that the packers write.
void pack_strip_with(const Packers& packers, const MatmulArgs& args, std::int64_t row, int rows,
                     Depth depth, float* to);
void pack_panel_with(const Packers& packers, const MatmulArgs& args, std::int64_t col, Depth depth,
                     float* to);

// to[i] = bf16 of from[i], i < 32, rounded to nearest even; to[i] = bf16 of even[i] in the lower
// half and of odd[i] in the upper half. For packing AMX tiles.
void round_to_bf16(const float* from, std::uint16_t* to);
void pair_to_bf16(const float* even, const float* odd, std::uint32_t* to);

// Rows [begin, end) of C in scalar code, all types.
void reference_rows(const MatmulArgs& args, std::int64_t begin, std::int64_t end);

// Throws invalid_argument for what matmul has no kernel for.
void check_matmul(const MatmulArgs& args);

}  // namespace stemma::kernels::cpu
