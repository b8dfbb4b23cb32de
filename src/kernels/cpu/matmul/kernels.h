// What the driver of the matrix product (matmul.cc) and its engines share. An engine is one way to
// multiply on one instruction set: packing functions and a microkernel. Private to
// kernels/cpu/matmul/.
//
// The driver packs A into strips of at most `strip_rows` rows and B into panels of kPanelWidth
// columns (the micro-panels of pack.h; an engine may pack them otherwise, as AMX does), and
// computes C in tiles of one strip times one panel. The sums of a tile lie in a small f32 buffer
// [rows, 32]: the microkernel adds the sum of every block of kReductionBlock k to it, and after the
// last block the epilogue turns it into elements of C.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/matmul/pack.h"
#include "kernels/matmul.h"

namespace stemma::kernels::cpu {

// The place of a tile in C.
struct TilePlace {
  std::int64_t row = 0, col = 0, rows = 0, cols = 0;
};

// One call of a microkernel: sums [rows, 32] += strip · panel over `depth` k; set where `first`.
struct TileShape {
  int rows = 0;
  std::int64_t depth = 0;
  bool first = false;
  // Memory that later tiles read: the microkernel may prefetch Blocking::ahead_bytes of it per k.
  const std::byte* ahead = nullptr;
  const std::byte* next = nullptr;  // the strip of the next tile
  // Where a call ends inside a reduction block (Blocking::panel_depth), the unfinished sums of that
  // block [rows, 32] are kept here until the next call continues them.
  float* chain = nullptr;
  bool resumes = false, suspends = false;  // the call begins, ends inside a block
};

// Block sizes of the driver's loops (matmul.cc), chosen for the caches. They change no bit of a
// result.
struct Blocking {
  // What is packed at a time: so many k (a multiple of kReductionBlock), and by all workers
  // together at most so many bytes of strips and of panels, which then lie in L3.
  std::int64_t pass_depth = 4096;
  std::int64_t packed_strips_bytes = 8 << 20;
  std::int64_t packed_panels_bytes = 16 << 20;
  std::int64_t partial_bytes = 64 << 20;  // sums of tiles that wait for the next pass over k
  std::int64_t sub_depth = 1024;          // k that a task works on at a time
  std::int64_t streaming_depth = 1024;    // the same where there is only one strip
  // k of a panel that all strips of a task are multiplied with before its next k: a multiple of
  // kReductionBlock, or, where the microkernel keeps unfinished sums (TileShape::chain), a divisor.
  std::int64_t panel_depth = 1 << 20;
  std::int64_t strip_bytes = 280 << 10;  // strips of a task: a quarter of an L2 cache of 1 MiB
  // While all strips together are at most so large, every task reads all of them for each panel and
  // packs its panels itself; beyond, all workers pack panels together.
  std::int64_t streamed_bytes = 3 << 20;
  std::int64_t task_panels = 32;  // most panels of a task
  std::int64_t pack_strips = 4;   // most strips that are packed as one piece of work
  std::int64_t ahead_bytes = 64;  // prefetched per k (TileShape::ahead)
  // Prefetch the memory that a task packs its next panel from, while it multiplies the one before.
  bool fetches_sources = false;
  // The order of tasks: those on the same strips follow each other, instead of those on the same
  // panels.
  bool panels_first = false;
};

// One way to multiply: how operands are packed, and the microkernel that multiplies what is packed.
struct Engine {
  int strip_rows = 0;
  bool pads_rows = false;        // packed strips have strip_rows rows, whatever they hold
  std::int64_t depth_unit = 1;   // k are padded with zeros to a multiple of this
  std::size_t packed_bytes = 4;  // per packed element
  Blocking blocking = {};
  void (*pack_strip)(const MatmulArgs& args, std::int64_t row, int rows, Depth depth,
                     void* to) = nullptr;
  void (*pack_panel)(const MatmulArgs& args, std::int64_t col, Depth depth, void* to) = nullptr;
  // The same for the first strips or panels of a group, where several can be read from the same
  // rows of memory at once, with the same result: returns how many were packed. Null: always none.
  std::int64_t (*pack_strips)(const MatmulArgs& args, std::int64_t row, const PackGroup& group,
                              Depth depth, void* to) = nullptr;
  std::int64_t (*pack_panels)(const MatmulArgs& args, std::int64_t col, const PackGroup& group,
                              Depth depth, void* to) = nullptr;
  void (*tile)(const void* a, const void* b, const TileShape& shape, float* sums) = nullptr;
  // The microkernel on panels of bf16 as a weight stores them. Null: this engine packs every panel.
  // Otherwise, for Multiply::f32, `tile` reads a weight's panels of f32 and a single row of A in
  // f32 as they are stored.
  void (*tile_bf16)(const void* a, const void* b, const TileShape& shape, float* sums) = nullptr;
  // The microkernel on panels of f16, for Multiply::f32. Null: this engine packs them.
  void (*tile_f16)(const void* a, const void* b, const TileShape& shape, float* sums) = nullptr;
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

// Rows [begin, end) of C in scalar code, all types.
void reference_rows(const MatmulArgs& args, std::int64_t begin, std::int64_t end);

// Throws invalid_argument for what matmul has no kernel for.
void check_matmul(const MatmulArgs& args);

}  // namespace stemma::kernels::cpu
