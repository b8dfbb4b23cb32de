// The matrix product: which engine, how operands are packed, who computes what.
//
// After packing, C is computed in tasks of a block of strips times a group of panels. A task walks
// its panels, and for each panel its strips: a panel, or a piece of it, stays in the second or the
// first cache while the strips go over it (Goto and van de Geijn 2008). Nothing here changes a bit
// of the result: the order of sums is a matter of the engine's tile alone.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "device/cpu.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/matmul_kernels.h"

namespace stemma::kernels {
namespace cpu {
namespace {

constexpr std::int64_t kPassDepth = 4096;         // k that are packed at a time
constexpr std::int64_t kPackedABytes = 8 << 20;   // packed strips: part of the third cache
constexpr std::int64_t kPackedBBytes = 16 << 20;  // packed panels
constexpr std::int64_t kPartialBytes = 64 << 20;  // sums between two passes
constexpr std::int64_t kLeastTasks = 3;           // per worker, if need be by splitting strips
constexpr std::int64_t kTurns = 2;  // a task is at most 1 / kTurns of what is left for a worker
constexpr std::int64_t kPackPanels = 4;  // panels packed by one task
// Strips or panels whose memory rows are shared are packed in turns of so many k.
constexpr std::int64_t kPackChunk = 128;
constexpr std::int64_t kSerialWork = 1 << 16;  // multiply-adds not worth waking workers

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

class Product {
 public:
  Product(const Engine& engine, Stream& stream, const MatmulArgs& args);
  void run();

 private:
  // Where tiles read panels: in the operand as it lies, from memory that all workers packed, or
  // from memory that the task's worker packs just before.
  enum class Panels : std::uint8_t { in_place, shared, worker };
  struct Range {
    std::int64_t begin = 0, end = 0;
    std::int64_t count() const { return end - begin; }
  };
  // What is packed and computed at a time: strips, panels and k.
  struct Part {
    Range strips, panels;
    Depth depth;
    bool first_strips = false;  // the panels are not packed yet
  };

  void plan();
  void pack(const Part& part);
  void pack_strips(const Part& part, Range strips) const;
  void pack_panels(const Part& part, Range panels) const;
  std::vector<Range> panel_groups(const Part& part, std::int64_t blocks) const;
  void compute(const Part& part);
  void task(const Part& part, Range strips, Range panels, int worker);
  // The lines of memory that a panel is packed from, a few at a time.
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
  // Some k of a panel, and where its tiles keep their sums: strip by strip.
  struct PanelPiece {
    std::int64_t panel = 0;
    Depth depth = {};
    const std::byte* data = nullptr;
    const std::byte* next = nullptr;         // what tiles read after it, null: nothing to fetch
    const std::byte* first_strip = nullptr;  // what they read of the first strip then
    float* sums = nullptr;
    std::int64_t sums_stride = 0;
    float* chains = nullptr;
  };
  void pass_strips(const Part& part, Range strips, const PanelPiece& piece,
                   SourceLines& source) const;
  struct TileMemory {
    const std::byte* a = nullptr;
    const std::byte* b = nullptr;
    const std::byte* ahead = nullptr;  // wanted soon (TileShape)
    const std::byte* next = nullptr;   // wanted next
    float* sums = nullptr;
    float* chain = nullptr;
  };
  void tile(const TilePlace& place, Depth depth, const TileMemory& memory) const;
  const std::byte* strip(const Part& part, std::int64_t index) const;
  const std::byte* panel(const Part& part, std::int64_t index, Depth depth,
                         std::byte* scratch) const;
  int rows_of_strip(std::int64_t index) const {
    return static_cast<int>(
        std::min<std::int64_t>(engine_.strip_rows, args_.m - index * engine_.strip_rows));
  }
  std::int64_t packed_rows(std::int64_t strip) const {
    return engine_.pads_rows ? engine_.strip_rows : rows_of_strip(strip);
  }
  template <class Task>
  void for_each(std::int64_t items, Task&& task) {
    const std::int64_t work = args_.m * args_.n;
    const bool serial = work < kSerialWork && work * args_.k < kSerialWork;
    stream_.workers().for_each(items, serial ? items : 1,
                               [&](std::int64_t begin, std::int64_t end, int worker) {
                                 const FlushDenormals flush;
                                 if (engine_.enter) engine_.enter();
                                 for (std::int64_t i = begin; i < end; ++i) task(i, worker);
                                 if (engine_.leave) engine_.leave();
                               });
  }

  const Engine& engine_;
  Stream& stream_;
  const MatmulArgs& args_;
  const Epilogue epilogue_ = pick_epilogue();
  const std::int64_t strips_, panels_;
  Panels source_ = Panels::in_place;
  bool strips_in_place_ = false;
  std::int64_t pass_ = 0, sub_ = 0;                 // k
  std::int64_t part_strips_ = 0, part_panels_ = 0;  // of a Part
  std::int64_t block_strips_ = 0;                   // of a task
  std::int64_t strip_bytes_ = 0, panel_bytes_ = 0;  // packed
  std::int64_t panel_row_bytes_ = 0;                // of one k where tiles read it
  std::int64_t tile_sums_ = 0;                      // floats
  std::byte* packed_a_ = nullptr;
  std::byte* packed_b_ = nullptr;
  float* partial_ =
      nullptr;  // the sums of all tiles of a column range, when K takes several passes
};

Product::Product(const Engine& engine, Stream& stream, const MatmulArgs& args)
    : engine_(engine),
      stream_(stream),
      args_(args),
      strips_(divide_up(args.m, engine.strip_rows)),
      panels_(divide_up(args.n, kPanelWidth)) {
  plan();
}

void Product::plan() {
  const std::int64_t bytes = static_cast<std::int64_t>(engine_.packed_bytes);
  const std::int64_t k = std::max<std::int64_t>(1, args_.k);  // K = 0 is one pass over nothing
  const std::int64_t passes = divide_up(k, kPassDepth);
  pass_ = round_up(divide_up(k, passes), kReductionBlock);
  const std::int64_t pass = std::min(pass_, k);
  const std::int64_t turn =
      strips_ == 1 ? engine_.blocking.streaming_depth : engine_.blocking.sub_depth;
  sub_ = round_up(divide_up(pass, divide_up(pass, turn)), kReductionBlock);

  tile_sums_ = engine_.strip_rows * kPanelWidth;
  const std::int64_t depth = round_up(pass, engine_.depth_unit);
  strip_bytes_ =
      round_up(engine_.strip_rows * depth * bytes + static_cast<std::int64_t>(kPackSlack), 64);
  panel_bytes_ = round_up(kPanelWidth * depth * bytes, 64);
  block_strips_ = std::clamp<std::int64_t>(
      engine_.blocking.strip_bytes / (engine_.strip_rows * std::min(sub_, depth) * bytes + 1), 1,
      strips_);

  const bool round = args_.multiply == Multiply::bf16;
  const bool readable = engine_.tile_bf16 && args_.b.layout == Operand::Layout::panels;
  if (readable && (args_.b.dtype == DType::bf16 ? strips_ <= 2 : !round))
    source_ = Panels::in_place;
  else
    source_ = strips_ * engine_.strip_rows * std::min(sub_, depth) * bytes <=
                      engine_.blocking.streamed_bytes
                  ? Panels::worker
                  : Panels::shared;
  panel_row_bytes_ =
      kPanelWidth *
      (source_ == Panels::in_place ? static_cast<std::int64_t>(size_of(args_.b.dtype)) : bytes);
  strips_in_place_ = engine_.tile_bf16 && args_.m == 1 && args_.a.dtype == DType::f32 && !round &&
                     (args_.a.layout == Operand::Layout::rows || args_.a.stride == 1);

  part_strips_ = std::clamp<std::int64_t>(kPackedABytes / strip_bytes_, 1, strips_);
  part_panels_ = panels_;
  if (source_ == Panels::shared)
    part_panels_ = std::min(part_panels_, kPackedBBytes / panel_bytes_);
  if (passes > 1) part_panels_ = std::min(part_panels_, kPartialBytes / (strips_ * tile_sums_ * 4));
  part_panels_ = std::max<std::int64_t>(part_panels_, 1);

  // A task's strips: as many as the cache holds, all where a panel is packed for them.
  const std::int64_t workers = stream_.workers().count();
  if (source_ == Panels::worker) block_strips_ = part_strips_;
  const std::int64_t blocks =
      std::max(divide_up(part_strips_, block_strips_),
               std::min(part_strips_, divide_up(kLeastTasks * workers, part_panels_)));
  block_strips_ = divide_up(part_strips_, blocks);

  const std::int64_t a_bytes = strips_in_place_ ? 0 : part_strips_ * strip_bytes_;
  const std::int64_t b_bytes = source_ == Panels::shared ? part_panels_ * panel_bytes_ : 0;
  const std::int64_t partial = passes > 1 ? strips_ * part_panels_ * tile_sums_ * 4 : 0;
  packed_a_ = stream_.shared_scratch(static_cast<std::size_t>(a_bytes + b_bytes + partial));
  packed_b_ = packed_a_ + a_bytes;
  if (passes > 1) partial_ = reinterpret_cast<float*>(packed_b_ + b_bytes);
}

void Product::run() {
  for (std::int64_t p = 0; p < panels_; p += part_panels_) {
    // K = 0 is one pass over nothing.
    for (std::int64_t k = 0; k == 0 || k < args_.k; k += pass_) {
      for (std::int64_t s = 0; s < strips_; s += part_strips_) {
        const Part part{{s, std::min(strips_, s + part_strips_)},
                        {p, std::min(panels_, p + part_panels_)},
                        {k, std::min(pass_, args_.k - k)},
                        s == 0};
        pack(part);
        compute(part);
      }
    }
  }
}

void Product::pack_strips(const Part& part, Range strips) const {
  const std::int64_t bytes = static_cast<std::int64_t>(engine_.packed_bytes);
  const std::int64_t chunk =
      args_.a.layout == Operand::Layout::transposed ? kPackChunk : part.depth.count;
  for (std::int64_t k = 0; k < part.depth.count; k += chunk) {
    const Depth depth{part.depth.begin + k, std::min(chunk, part.depth.count - k)};
    std::int64_t s = strips.begin;
    if (engine_.pack_strips)
      s += engine_.pack_strips(
          args_, s * engine_.strip_rows, {strips.count(), strip_bytes_}, depth,
          packed_a_ + (s - part.strips.begin) * strip_bytes_ + k * engine_.strip_rows * bytes);
    for (; s < strips.end; ++s)
      engine_.pack_strip(
          args_, s * engine_.strip_rows, rows_of_strip(s), depth,
          packed_a_ + (s - part.strips.begin) * strip_bytes_ + k * packed_rows(s) * bytes);
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
      p += engine_.pack_panels(args_, p * kPanelWidth, {panels.count(), panel_bytes_}, depth,
                               packed_b_ + (p - part.panels.begin) * panel_bytes_ + k * row);
    for (; p < panels.end; ++p)
      engine_.pack_panel(args_, p * kPanelWidth, depth,
                         packed_b_ + (p - part.panels.begin) * panel_bytes_ + k * row);
  }
}

void Product::pack(const Part& part) {
  if (part.depth.count == 0) return;
  // Every worker gets strips to pack, where there are few.
  const std::int64_t together =
      std::min(engine_.blocking.pack_strips,
               divide_up(part.strips.count(), std::int64_t{stream_.workers().count()}));
  const std::int64_t groups = strips_in_place_ ? 0 : divide_up(part.strips.count(), together);
  const std::int64_t panels = source_ == Panels::shared && part.first_strips
                                  ? divide_up(part.panels.count(), kPackPanels)
                                  : 0;
  for_each(groups + panels, [&](std::int64_t i, int) {
    if (i < groups) {
      const std::int64_t begin = part.strips.begin + i * together;
      pack_strips(part, {begin, std::min(part.strips.end, begin + together)});
    } else {
      const std::int64_t begin = part.panels.begin + (i - groups) * kPackPanels;
      pack_panels(part, {begin, std::min(part.panels.end, begin + kPackPanels)});
    }
  });
}

// The panels of tasks, the larger groups first: inside a group the next panel is fetched while
// tiles use the one before, and at the end nobody waits long for a task of another.
std::vector<Product::Range> Product::panel_groups(const Part& part, std::int64_t blocks) const {
  const std::int64_t workers = stream_.workers().count();
  std::vector<Range> groups;
  for (Range rest = part.panels; rest.count() > 0;) {
    const std::int64_t fair =
        workers == 1 ? rest.count() : rest.count() * blocks / (kTurns * workers);
    const std::int64_t count =
        std::min(rest.count(), std::clamp<std::int64_t>(fair, 1, engine_.blocking.task_panels));
    groups.push_back({rest.begin, rest.begin + count});
    rest.begin += count;
  }
  return groups;
}

void Product::compute(const Part& part) {
  const std::int64_t blocks = divide_up(part.strips.count(), block_strips_);
  const std::vector<Range> panels = panel_groups(part, blocks);
  const std::int64_t groups = static_cast<std::int64_t>(panels.size());
  for_each(blocks * groups, [&](std::int64_t i, int worker) {
    const bool panels_first = engine_.blocking.panels_first;
    const std::int64_t block = panels_first ? i / groups : i % blocks;
    const std::int64_t group = panels_first ? i % groups : i / blocks;
    const std::int64_t s = part.strips.begin + block * block_strips_;
    task(part, {s, std::min(part.strips.end, s + block_strips_)}, panels[group], worker);
  });
}

const std::byte* Product::strip(const Part& part, std::int64_t index) const {
  if (strips_in_place_) return static_cast<const std::byte*>(args_.a.data) + part.depth.begin * 4;
  return packed_a_ + (index - part.strips.begin) * strip_bytes_;
}

// The panel's elements from `depth` on; depth is inside part.depth.
const std::byte* Product::panel(const Part& part, std::int64_t index, Depth depth,
                                std::byte* scratch) const {
  switch (source_) {
    case Panels::in_place:
      return static_cast<const std::byte*>(args_.b.data) +
             (index * args_.k + depth.begin) * panel_row_bytes_;
    case Panels::shared:
      return packed_b_ + (index - part.panels.begin) * panel_bytes_ +
             (depth.begin - part.depth.begin) * panel_row_bytes_;
    case Panels::worker:
      break;
  }
  if (depth.count > 0) engine_.pack_panel(args_, index * kPanelWidth, depth, scratch);
  return scratch;
}

void Product::task(const Part& part, Range strips, Range panels, int worker) {
  const std::int64_t bytes = static_cast<std::int64_t>(engine_.packed_bytes);
  // A single strip reads every panel once, in order.
  const std::int64_t step =
      strips.count() == 1 ? sub_ : std::min(sub_, engine_.blocking.panel_depth);
  const bool keep = !partial_ && part.depth.count > sub_;    // sums outlive their panel's turn
  const bool keep_strips = keep || part.depth.count > step;  // and their tile's
  const std::int64_t own_sums = (keep          ? block_strips_ * panels.count()
                                 : keep_strips ? block_strips_
                                               : 1) *
                                tile_sums_;
  const std::int64_t chains = step % kReductionBlock ? block_strips_ * tile_sums_ : 0;
  const std::int64_t own_panel =
      source_ == Panels::worker ? round_up(sub_, engine_.depth_unit) * kPanelWidth * bytes : 0;
  std::byte* scratch =
      stream_.scratch(worker, static_cast<std::size_t>((own_sums + chains) * 4 + own_panel));
  float* own = reinterpret_cast<float*>(scratch);
  for (std::int64_t sub = 0; sub == 0 || sub < part.depth.count; sub += sub_) {
    const Depth whole{part.depth.begin + sub, std::min(sub_, part.depth.count - sub)};
    for (std::int64_t p = panels.begin; p < panels.end; ++p) {
      PanelPiece piece{p};
      piece.chains = own + own_sums;
      piece.sums_stride = partial_ || keep_strips ? tile_sums_ : 0;
      piece.sums = partial_
                       ? partial_ + ((p - part.panels.begin) * strips_ + strips.begin) * tile_sums_
                   : keep ? own + (p - panels.begin) * block_strips_ * tile_sums_
                          : own;
      const std::byte* b = panel(part, p, whole, scratch + (own_sums + chains) * 4);
      SourceLines source;
      if (source_ == Panels::worker && p + 1 < panels.end)
        source = source_lines(p + 1, whole, divide_up(whole.count, step) * strips.count());
      for (std::int64_t k = 0; k == 0 || k < whole.count; k += step) {
        piece.depth = {whole.begin + k, std::min(step, whole.count - k)};
        piece.data = b + k * panel_row_bytes_;
        // What comes next lies in the third cache or in memory: the first strips fetch it.
        piece.next = k + step < whole.count ? piece.data + step * panel_row_bytes_
                     : source_ != Panels::worker && p + 1 < panels.end
                         ? panel(part, p + 1, whole, nullptr)
                         : nullptr;
        piece.first_strip =
            strip(part, strips.begin) +
            (sub + (k + step < whole.count ? k + step : 0)) * packed_rows(strips.begin) * bytes;
        pass_strips(part, strips, piece, source);
      }
    }
  }
}

// In `turns` calls of fetch().
Product::SourceLines Product::source_lines(std::int64_t panel, Depth depth,
                                           std::int64_t turns) const {
  const bool rows = args_.b.layout == Operand::Layout::rows;
  const std::int64_t cols = std::min(kPanelWidth, args_.n - panel * kPanelWidth);
  if (!engine_.blocking.fetches_sources || args_.b.layout == Operand::Layout::panels || cols <= 0)
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

void Product::pass_strips(const Part& part, Range strips, const PanelPiece& piece,
                          SourceLines& source) const {
  const std::int64_t bytes = static_cast<std::int64_t>(engine_.packed_bytes);
  const Depth& depth = piece.depth;
  const std::int64_t fetched_per_strip = depth.count * engine_.blocking.ahead_bytes;
  for (std::int64_t s = strips.begin; s < strips.end; ++s) {
    const std::int64_t i = s - strips.begin;
    TileMemory memory;
    memory.a = strip(part, s) + (depth.begin - part.depth.begin) * packed_rows(s) * bytes;
    memory.b = piece.data;
    const bool fetch = piece.next && i * fetched_per_strip < depth.count * panel_row_bytes_;
    memory.ahead = fetch                ? piece.next + i * fetched_per_strip
                   : s + 1 < strips.end ? memory.a + strip_bytes_
                                        : memory.a;
    memory.next = s + 1 < strips.end ? memory.a + strip_bytes_ : piece.first_strip;
    memory.sums = piece.sums + i * piece.sums_stride;
    memory.chain = piece.chains + i * tile_sums_;
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
  if (depth.begin > 0 && !suspends && depth.begin % pass_ % sub_ < kReductionBlock)
    for (std::int64_t i = 0; i < place.rows * kPanelWidth; i += 16)
      __builtin_prefetch(memory.sums + i, 1);
  const auto multiply =
      engine_.tile_bf16 && source_ == Panels::in_place && args_.b.dtype == DType::bf16
          ? engine_.tile_bf16
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
    std::fill_n(memory.sums, tile_sums_, 0.0f);
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
