// The driver of the matrix product: chooses the engine of this machine, packs A and B for it, and
// runs five loops around its microkernel (Goto and van de Geijn 2008; in brackets the name that
// BLIS gives the same loop). Sizes are those of AVX-512; Blocking in kernels.h has the
// others:
//
//   run():          for each range of panels of B            [jc]   packed: at most 16 MiB, in L3
//     run():          for each pass over k                   [pc]   at most 4,096 k
//       run():          for each range of strips of A        [ic]   packed: at most 8 MiB, in L3
//                         pack():    all workers pack it, and B with the first range of A
//                         compute(): all workers take tasks; one task is a block of strips
//                                    times a group of panels
//     in a task, on one worker:
//       run_task():     for each turn of at most 1,024 k            its strips: 280 KiB, in L2
//         run_task():     for each panel of the task         [jr]   32 columns: 128 KiB, in L2
//           pass_strips():  for each strip of the task       [ir]   14 rows: 56 KiB, L2 to L1
//             tile():         the microkernel                       sums of 14 x 32, in registers
//                               for each block of 256 k: a fused multiply-add for each k, then
//                                 the block's sum is added to the tile's sums (1,792 bytes, in L1)
//                             after the last k: the epilogue writes the tile to C
//
//            n: panels of 32 columns          A tile of C is one strip times one panel. Packed
//           +----+----+----+----+             operands are read from the first byte to the last:
//         k | B  |    |    |    |             cache lines are used whole, and the TLB needs few
//           +----+----+----+----+             pages.
//    k                                        Who packs what, and when (Plan::From):
//  +----+   +----+----+----+----+             shared    all workers, before the tasks of a part
//  | A  | m | C  |    |    |    |             worker    the task's worker: strips when a turn of k
//  +----+   +----+----+----+----+                       begins, a panel just before its strips
//  |    |   |    |    |    |    |             in_place  nobody: the operand is stored as the
//  +----+   +----+----+----+----+                       microkernel reads it (weights in panels)
//  strips
//
// With AVX2 a strip has 6 rows, and the strips of a task are multiplied with 128 k of a panel (16
// KiB, in L1) before its next 128 k. With AMX a strip has 32 rows and lies in tiles
// (tiles.h).
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "device/cpu.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/matmul/kernels.h"
#include "kernels/cpu/matmul/plan.h"

namespace stemma::kernels {
namespace cpu {
namespace {

constexpr std::int64_t kPackPanels = 4;  // panels packed by one task
// Neighbouring strips or panels that come from the same rows of memory are packed so many k at a
// time.
constexpr std::int64_t kPackChunk = 128;
constexpr std::int64_t kSerialWork = 1 << 16;  // multiply-adds not worth waking workers

using From = Plan::From;

class Product {
 public:
  Product(const Engine& engine, Stream& stream, const MatmulArgs& args);
  void run();

 private:
  // What is packed and computed at a time: strips, panels and k.
  struct Part {
    Range strips, panels;
    Depth depth;
    bool first_strips = false;  // the panels are not packed yet
  };
  // A worker's memory: sums of its tiles, unfinished sums (TileShape::chain), what it packs itself.
  struct Memory {
    float* sums = nullptr;
    float* chains = nullptr;
    std::byte* panel = nullptr;
    std::byte* strips = nullptr;
    std::int64_t strip = -1, k = -1;  // the first that `strips` holds
  };
  // Strips in memory, packed or a row of A as it is stored: the first of them, from k on.
  struct Strips {
    const std::byte* data = nullptr;
    std::int64_t first = 0, k = 0;
  };

  void pack(const Part& part);
  // From strips.begin and depth.begin on, to `to`.
  void pack_strips(Range strips, Depth depth, std::byte* to) const;
  void pack_panels(const Part& part, Range panels) const;
  void compute(const Part& part);
  std::vector<Memory> lay_out(const Part& part, const std::vector<Task>& tasks);
  void run_task(const Part& part, const Task& task, Memory& memory) const;
  // The cache lines that a panel is packed from, prefetched a few at a time.
  struct SourceLines {
    const std::byte* row = nullptr;
    std::int64_t stride = 0;  // bytes between rows
    std::int64_t in_row = 1, line = 0, left = 0, at_once = 0;
    void fetch() {
      const std::int64_t end = std::max<std::int64_t>(0, left - at_once);
      for (; left > end; --left) {
        __builtin_prefetch(row + 64 * line, 0, 2);
        if (++line < in_row) continue;
        line = 0;
        row += stride;
      }
    }
  };
  SourceLines source_lines(std::int64_t panel, Depth depth, std::int64_t turns) const;
  // Some k of a panel, and where its tiles keep their sums, strip by strip.
  struct PanelPiece {
    std::int64_t panel = 0;
    Depth depth = {};
    const std::byte* data = nullptr;
    const std::byte* next = nullptr;         // the piece after it; null: nothing to prefetch
    const std::byte* first_strip = nullptr;  // the first strip, where that piece begins
    float* sums = nullptr;
    std::int64_t sums_stride = 0;
    float* chains = nullptr;
  };
  void pass_strips(const Strips& strips, Range range, const PanelPiece& piece,
                   SourceLines& source) const;
  struct TileMemory {
    const std::byte* a = nullptr;
    const std::byte* b = nullptr;
    const std::byte* ahead = nullptr;  // to prefetch (TileShape)
    const std::byte* next = nullptr;
    float* sums = nullptr;
    float* chain = nullptr;
  };
  void tile(const TilePlace& place, Depth depth, const TileMemory& memory) const;
  Strips strips_for(const Part& part, Range range, Depth depth, Memory& memory) const;
  const std::byte* strip(const Strips& strips, std::int64_t index, std::int64_t k) const;
  const std::byte* panel(const Part& part, std::int64_t index, Depth depth,
                         std::byte* scratch) const;
  int rows_of_strip(std::int64_t index) const {
    return static_cast<int>(
        std::min<std::int64_t>(engine_.strip_rows, args_.m - index * engine_.strip_rows));
  }
  std::int64_t packed_rows(std::int64_t strip) const {
    return engine_.pads_rows ? engine_.strip_rows : rows_of_strip(strip);
  }
  // k of a panel that all strips of a task are multiplied with before its next k.
  std::int64_t panel_step(Range strips) const {
    // A single strip reads every panel once, in order.
    return strips.count() == 1 ? plan_.sub : std::min(plan_.sub, engine_.blocking.panel_depth);
  }
  // Whether sums of tiles must outlive one pass over a panel, or one tile.
  bool keeps_panels(const Part& part) const {
    return !plan_.several_passes && part.depth.count > plan_.sub;
  }
  bool keeps_strips(const Part& part, Range strips) const {
    return keeps_panels(part) || part.depth.count > panel_step(strips);
  }
  template <class Work>
  void for_each(std::int64_t items, Work&& work) {
    const std::int64_t sums = args_.m * args_.n;
    const bool serial = sums < kSerialWork && sums * args_.k < kSerialWork;
    stream_.workers().for_each(items, serial ? items : 1,
                               [&](std::int64_t begin, std::int64_t end, int worker) {
                                 const FlushDenormals flush;
                                 if (engine_.enter) engine_.enter();
                                 for (std::int64_t i = begin; i < end; ++i) work(i, worker);
                                 if (engine_.leave) engine_.leave();
                               });
  }

  const Engine& engine_;
  Stream& stream_;
  const MatmulArgs& args_;
  const Epilogue epilogue_ = pick_epilogue();
  const Plan plan_;
  std::byte* packed_a_ = nullptr;
  std::byte* packed_b_ = nullptr;
  // The sums of all tiles of a column range, when K takes several passes.
  float* partial_ = nullptr;
};

Product::Product(const Engine& engine, Stream& stream, const MatmulArgs& args)
    : engine_(engine), stream_(stream), args_(args), plan_(engine, args, stream.workers().count()) {
  const std::int64_t a_bytes =
      plan_.strips_from == From::shared ? plan_.part_strips * plan_.strip_bytes : 0;
  const std::int64_t b_bytes =
      plan_.panels_from == From::shared ? plan_.part_panels * plan_.panel_bytes : 0;
  const std::int64_t partial =
      plan_.several_passes ? plan_.strips * plan_.part_panels * plan_.tile_sums * 4 : 0;
  packed_a_ = stream_.shared_scratch(static_cast<std::size_t>(a_bytes + b_bytes + partial));
  packed_b_ = packed_a_ + a_bytes;
  if (plan_.several_passes) partial_ = reinterpret_cast<float*>(packed_b_ + b_bytes);
}

void Product::run() {
  for (std::int64_t p = 0; p < plan_.panels; p += plan_.part_panels) {
    // K = 0 is one pass over nothing.
    for (std::int64_t k = 0; k == 0 || k < args_.k; k += plan_.pass) {
      for (std::int64_t s = 0; s < plan_.strips; s += plan_.part_strips) {
        const Part part{{s, std::min(plan_.strips, s + plan_.part_strips)},
                        {p, std::min(plan_.panels, p + plan_.part_panels)},
                        {k, std::min(plan_.pass, args_.k - k)},
                        s == 0};
        pack(part);
        compute(part);
      }
    }
  }
}

void Product::pack_strips(Range strips, Depth depth, std::byte* to) const {
  const std::int64_t bytes = static_cast<std::int64_t>(engine_.packed_bytes);
  const std::int64_t chunk =
      args_.a.layout == Operand::Layout::transposed ? kPackChunk : depth.count;
  for (std::int64_t k = 0; k < depth.count; k += chunk) {
    const Depth some{depth.begin + k, std::min(chunk, depth.count - k)};
    std::int64_t s = strips.begin;
    if (engine_.pack_strips)
      s += engine_.pack_strips(args_, s * engine_.strip_rows, {strips.count(), plan_.strip_bytes},
                               some, to + k * engine_.strip_rows * bytes);
    for (; s < strips.end; ++s)
      engine_.pack_strip(args_, s * engine_.strip_rows, rows_of_strip(s), some,
                         to + (s - strips.begin) * plan_.strip_bytes + k * packed_rows(s) * bytes);
  }
}

void Product::pack_panels(const Part& part, Range panels) const {
  const std::int64_t row = kPanelWidth * static_cast<std::int64_t>(engine_.packed_bytes);
  const std::int64_t chunk =
      args_.b.layout == Operand::Layout::rows ? kPackChunk : part.depth.count;
  for (std::int64_t k = 0; k < part.depth.count; k += chunk) {
    const Depth depth{part.depth.begin + k, std::min(chunk, part.depth.count - k)};
    std::int64_t p = panels.begin;
    if (engine_.pack_panels)
      p += engine_.pack_panels(args_, p * kPanelWidth, {panels.count(), plan_.panel_bytes}, depth,
                               packed_b_ + (p - part.panels.begin) * plan_.panel_bytes + k * row);
    for (; p < panels.end; ++p)
      engine_.pack_panel(args_, p * kPanelWidth, depth,
                         packed_b_ + (p - part.panels.begin) * plan_.panel_bytes + k * row);
  }
}

// What all workers read.
void Product::pack(const Part& part) {
  if (part.depth.count == 0) return;
  // Every worker gets strips to pack, where there are few.
  const std::int64_t together =
      std::min(engine_.blocking.pack_strips,
               divide_up(part.strips.count(), std::int64_t{stream_.workers().count()}));
  const std::int64_t groups =
      plan_.strips_from == From::shared ? divide_up(part.strips.count(), together) : 0;
  const std::int64_t panels = plan_.panels_from == From::shared && part.first_strips
                                  ? divide_up(part.panels.count(), kPackPanels)
                                  : 0;
  for_each(groups + panels, [&](std::int64_t i, int) {
    if (i < groups) {
      const std::int64_t begin = part.strips.begin + i * together;
      pack_strips({begin, std::min(part.strips.end, begin + together)}, part.depth,
                  packed_a_ + i * together * plan_.strip_bytes);
    } else {
      const std::int64_t begin = part.panels.begin + (i - groups) * kPackPanels;
      pack_panels(part, {begin, std::min(part.panels.end, begin + kPackPanels)});
    }
  });
}

void Product::compute(const Part& part) {
  const std::vector<Task> tasks = plan_.tasks(part.strips, part.panels);
  std::vector<Memory> memory = lay_out(part, tasks);
  for_each(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int worker) {
    run_task(part, tasks[static_cast<std::size_t>(i)], memory[static_cast<std::size_t>(worker)]);
  });
}

// Each worker's memory, as much as its largest task needs.
std::vector<Product::Memory> Product::lay_out(const Part& part, const std::vector<Task>& tasks) {
  const std::int64_t bytes = static_cast<std::int64_t>(engine_.packed_bytes);
  std::int64_t sums = 0, chains = 0, strips = 0;
  for (const Task& task : tasks) {
    const std::int64_t count = task.strips.count();
    sums = std::max(sums, (keeps_panels(part)                ? count * task.panels.count()
                           : keeps_strips(part, task.strips) ? count
                                                             : 1) *
                              plan_.tile_sums);
    if (panel_step(task.strips) % kReductionBlock != 0)
      chains = std::max(chains, count * plan_.tile_sums);
    strips = std::max(strips, count);
  }
  const std::int64_t panel = plan_.panels_from == From::worker
                                 ? round_up(plan_.sub, engine_.depth_unit) * kPanelWidth * bytes
                                 : 0;
  const std::int64_t own_strips =
      plan_.strips_from == From::worker ? strips * plan_.strip_bytes : 0;
  std::vector<Memory> all(static_cast<std::size_t>(stream_.workers().count()));
  for (std::size_t worker = 0; worker < all.size(); ++worker) {
    std::byte* at =
        stream_.scratch(static_cast<int>(worker),
                        static_cast<std::size_t>((sums + chains) * 4 + panel + own_strips));
    Memory& memory = all[worker];
    memory.sums = reinterpret_cast<float*>(at);
    memory.chains = memory.sums + sums;
    memory.panel = at + (sums + chains) * 4;
    memory.strips = memory.panel + panel;
  }
  return all;
}

const std::byte* Product::strip(const Strips& strips, std::int64_t index, std::int64_t k) const {
  const std::int64_t row =
      plan_.strips_from == From::in_place
          ? 4
          : packed_rows(index) * static_cast<std::int64_t>(engine_.packed_bytes);
  return strips.data + (index - strips.first) * plan_.strip_bytes + (k - strips.k) * row;
}

// Strips of a task over some k, packed now if they are the worker's own.
Product::Strips Product::strips_for(const Part& part, Range range, Depth depth,
                                    Memory& memory) const {
  switch (plan_.strips_from) {
    case From::in_place:
      return {static_cast<const std::byte*>(args_.a.data), 0, 0};
    case From::shared:
      return {packed_a_, part.strips.begin, part.depth.begin};
    case From::worker:
      break;
  }
  if (memory.strip != range.begin || memory.k != depth.begin) {
    pack_strips(range, depth, memory.strips);
    memory.strip = range.begin;
    memory.k = depth.begin;
  }
  return {memory.strips, range.begin, depth.begin};
}

// The panel's elements from `depth` on; depth is inside part.depth.
const std::byte* Product::panel(const Part& part, std::int64_t index, Depth depth,
                                std::byte* scratch) const {
  switch (plan_.panels_from) {
    case From::in_place:
      return static_cast<const std::byte*>(args_.b.data) +
             (index * args_.k + depth.begin) * plan_.panel_row_bytes;
    case From::shared:
      return packed_b_ + (index - part.panels.begin) * plan_.panel_bytes +
             (depth.begin - part.depth.begin) * plan_.panel_row_bytes;
    case From::worker:
      break;
  }
  if (depth.count > 0) engine_.pack_panel(args_, index * kPanelWidth, depth, scratch);
  return scratch;
}

void Product::run_task(const Part& part, const Task& task, Memory& memory) const {
  const std::int64_t count = task.strips.count(), step = panel_step(task.strips);
  for (std::int64_t sub = 0; sub == 0 || sub < part.depth.count; sub += plan_.sub) {
    const Depth whole{part.depth.begin + sub, std::min(plan_.sub, part.depth.count - sub)};
    const Strips strips = strips_for(part, task.strips, whole, memory);
    for (std::int64_t p = task.panels.begin; p < task.panels.end; ++p) {
      PanelPiece piece{p};
      piece.chains = memory.chains;
      piece.sums_stride = partial_ || keeps_strips(part, task.strips) ? plan_.tile_sums : 0;
      piece.sums = memory.sums;
      if (partial_)
        piece.sums = partial_ +
                     ((p - part.panels.begin) * plan_.strips + task.strips.begin) * plan_.tile_sums;
      else if (keeps_panels(part))
        piece.sums += (p - task.panels.begin) * count * plan_.tile_sums;
      const std::byte* b = panel(part, p, whole, memory.panel);
      SourceLines source;
      if (plan_.panels_from == From::worker && p + 1 < task.panels.end)
        source = source_lines(p + 1, whole, divide_up(whole.count, step) * count);
      for (std::int64_t k = 0; k == 0 || k < whole.count; k += step) {
        const bool ends = k + step >= whole.count;
        piece.depth = {whole.begin + k, std::min(step, whole.count - k)};
        piece.data = b + k * plan_.panel_row_bytes;
        // The next piece lies in L3 or in memory: the tiles of the first strips prefetch it.
        piece.next = !ends ? piece.data + step * plan_.panel_row_bytes
                     : plan_.panels_from != From::worker && p + 1 < task.panels.end
                         ? panel(part, p + 1, whole, nullptr)
                         : nullptr;
        piece.first_strip = strip(strips, task.strips.begin, whole.begin + (ends ? 0 : k + step));
        pass_strips(strips, task.strips, piece, source);
      }
    }
  }
}

// In `turns` calls of fetch().
Product::SourceLines Product::source_lines(std::int64_t panel, Depth depth,
                                           std::int64_t turns) const {
  const bool rows = args_.b.layout == Operand::Layout::rows;
  const std::int64_t cols = std::min(kPanelWidth, args_.n - panel * kPanelWidth);
  if (!engine_.blocking.fetches_sources || cols <= 0 ||
      (!rows && args_.b.layout != Operand::Layout::transposed))
    return {};
  const std::int64_t item = static_cast<std::int64_t>(size_of(args_.b.dtype));
  const std::int64_t at = rows ? depth.begin * args_.b.stride + panel * kPanelWidth
                               : panel * kPanelWidth * args_.b.stride + depth.begin;
  SourceLines lines;
  lines.row = static_cast<const std::byte*>(args_.b.data) + at * item;
  lines.stride = args_.b.stride * item;
  lines.in_row = divide_up((rows ? cols : depth.count) * item, 64);
  lines.left = (rows ? depth.count : cols) * lines.in_row;
  lines.at_once = divide_up(lines.left, std::max<std::int64_t>(turns, 1));
  return lines;
}

void Product::pass_strips(const Strips& strips, Range range, const PanelPiece& piece,
                          SourceLines& source) const {
  const Depth& depth = piece.depth;
  const std::int64_t fetched_per_strip = depth.count * engine_.blocking.ahead_bytes;
  for (std::int64_t s = range.begin; s < range.end; ++s) {
    const std::int64_t i = s - range.begin;
    TileMemory memory;
    memory.a = strip(strips, s, depth.begin);
    memory.b = piece.data;
    const bool fetch = piece.next && i * fetched_per_strip < depth.count * plan_.panel_row_bytes;
    memory.ahead = fetch               ? piece.next + i * fetched_per_strip
                   : s + 1 < range.end ? memory.a + plan_.strip_bytes
                                       : memory.a;
    memory.next = s + 1 < range.end ? memory.a + plan_.strip_bytes : piece.first_strip;
    memory.sums = piece.sums + i * piece.sums_stride;
    memory.chain = piece.chains + i * plan_.tile_sums;
    source.fetch();
    const std::int64_t row = s * engine_.strip_rows, col = piece.panel * kPanelWidth;
    tile({row, col, rows_of_strip(s), std::min(kPanelWidth, args_.n - col)}, depth, memory);
  }
}

void Product::tile(const TilePlace& place, Depth depth, const TileMemory& memory) const {
  const std::int64_t end = depth.begin + depth.count;
  const bool last = end == args_.k;
  if (last) {
    // The rows of C arrive while the tile multiplies.
    const std::int64_t item = static_cast<std::int64_t>(size_of(args_.c_dtype));
    const std::byte* c = static_cast<const std::byte*>(args_.c);
    for (std::int64_t r = 0; r < place.rows; ++r) {
      const std::byte* row = c + ((place.row + r) * args_.c_stride + place.col) * item;
      for (std::int64_t line = 0; line < place.cols * item; line += 64)
        __builtin_prefetch(row + line, 1);
      if (reinterpret_cast<std::uintptr_t>(row) % 64 != 0)
        __builtin_prefetch(row + place.cols * item - 1, 1);
    }
  }
  const bool resumes = depth.begin % kReductionBlock != 0,
             suspends = end % kReductionBlock != 0 && !last;
  // So do the sums of an earlier turn; what this turn added lies near.
  if (depth.begin > 0 && !suspends && depth.begin % plan_.pass % plan_.sub < kReductionBlock)
    for (std::int64_t i = 0; i < place.rows * kPanelWidth; i += 16)
      __builtin_prefetch(memory.sums + i, 1);
  const bool in_place = plan_.panels_from == From::in_place;
  const auto multiply = in_place && args_.b.dtype == DType::bf16  ? engine_.tile_bf16
                        : in_place && args_.b.dtype == DType::f16 ? engine_.tile_f16
                                                                  : engine_.tile;
  if (depth.count > 0) {
    const TileShape shape{.rows = static_cast<int>(place.rows),
                          .depth = depth.count,
                          .first = depth.begin < kReductionBlock,
                          .ahead = memory.ahead,
                          .next = memory.next,
                          .chain = memory.chain,
                          .resumes = resumes,
                          .suspends = suspends};
    multiply(memory.a, memory.b, shape, memory.sums);
  } else {
    std::fill_n(memory.sums, plan_.tile_sums, 0.0f);
  }
  if (last) epilogue_(args_, place, memory.sums);
}

void tell_no_bf16(KernelPath path) {
  static const bool told = [path] {
    log_topic("kernels",
              fmt::format("matmul: {} has no bf16 products: operands are rounded to bf16 "
                          "and multiplied in f32",
                          to_string(path)));
    return true;
  }();
  static_cast<void>(told);
}

const Engine& engine_for(KernelPath path, Multiply multiply) {
  if (multiply == Multiply::bf16 && path == KernelPath::amx) return amx_engine();
  if (multiply == Multiply::bf16 && path == KernelPath::avx512_bf16) return avx512_bf16_engine();
  if (multiply == Multiply::bf16) tell_no_bf16(path);
  return path == KernelPath::avx2 ? avx2_engine() : avx512_engine();
}

}  // namespace

void matmul_on(const Engine& engine, Stream& stream, const MatmulArgs& args) {
  check_matmul(args);
  if (args.m == 0 || args.n == 0) return;
  Product(engine, stream, args).run();
}

}  // namespace cpu

void matmul(Stream& stream, const MatmulArgs& args) {
  cpu::check_matmul(args);
  if (args.c_dtype == DType::f64) {
    stream.workers().for_each(args.m, 1, [&](std::int64_t begin, std::int64_t end, int) {
      cpu::reference_rows(args, begin, end);
    });
    return;
  }
  cpu::matmul_on(cpu::engine_for(kernel_path(), args.multiply), stream, args);
}

}  // namespace stemma::kernels
