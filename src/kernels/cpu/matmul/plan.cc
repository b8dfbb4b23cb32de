#include "kernels/cpu/matmul/plan.h"

#include <algorithm>

namespace stemma::kernels::cpu {
namespace {

constexpr std::int64_t kLeastTasks = 3;  // per worker, if need be by splitting strips
// A task is at most such a part of one worker's share of what is left. A single strip reads memory
// in order, and each task begins with lines that nobody fetched ahead: its tasks are larger (with
// two workers three eighths of what is left; docs/log.md, "Decode with bf16 weights").
struct Share {
  std::int64_t part, of;
};
constexpr Share kTaskShare = {1, 2}, kStreamingShare = {3, 4};
// Every worker packs its own strips where it has so many columns of B to multiply them with, or
// where all panels fit into L3 while one block of strips after the other is multiplied with them.
constexpr std::int64_t kColumnsPerCopy = 256;
constexpr std::int64_t kPassedBytes = 16 << 20;

}  // namespace

Plan::Plan(const Engine& engine, const MatmulArgs& args, int workers)
    : strips(divide_up(args.m, engine.strip_rows)),
      panels(divide_up(args.n, kPanelWidth)),
      engine_(engine),
      workers_(workers) {
  const std::int64_t bytes = static_cast<std::int64_t>(engine.packed_bytes);
  const std::int64_t k = std::max<std::int64_t>(1, args.k);  // K = 0 is one pass over nothing
  const std::int64_t passes = divide_up(k, engine.blocking.pass_depth);
  several_passes = passes > 1;
  pass = round_up(divide_up(k, passes), kReductionBlock);
  const std::int64_t at_once = std::min(pass, k);
  const std::int64_t turn =
      strips == 1 ? engine.blocking.streaming_depth : engine.blocking.sub_depth;
  sub = round_up(divide_up(at_once, divide_up(at_once, turn)), kReductionBlock);

  tile_sums = engine.strip_rows * kPanelWidth;
  const std::int64_t depth = round_up(at_once, engine.depth_unit);
  panel_bytes = round_up(kPanelWidth * depth * bytes, 64);
  const std::int64_t sub_bytes = engine.strip_rows * std::min(sub, depth) * bytes;
  block_strips_ =
      std::clamp<std::int64_t>(engine.blocking.strip_bytes / (sub_bytes + 1), 1, strips);

  panels_from = place_of_panels(args, sub_bytes);
  panel_row_bytes =
      kPanelWidth *
      (panels_from == From::in_place ? static_cast<std::int64_t>(size_of(args.b.dtype)) : bytes);
  if (engine.tile_bf16 && args.m == 1 && args.a.dtype == DType::f32 &&
      args.multiply == Multiply::f32 &&
      (args.a.layout == Operand::Layout::rows || args.a.stride == 1))
    strips_from = From::in_place;
  else if (packs_own_strips(args))
    strips_from = From::worker;
  strip_bytes =
      round_up((strips_from == From::worker ? sub_bytes : engine.strip_rows * depth * bytes) +
                   static_cast<std::int64_t>(kPackSlack),
               64);

  part_strips =
      strips_from == From::shared
          ? std::clamp<std::int64_t>(engine.blocking.packed_strips_bytes / strip_bytes, 1, strips)
          : strips;
  part_panels = panels;
  if (panels_from == From::shared)
    part_panels = std::min(part_panels, engine.blocking.packed_panels_bytes / panel_bytes);
  if (several_passes)
    part_panels = std::min(part_panels, engine.blocking.partial_bytes / (strips * tile_sums * 4));
  part_panels = std::max<std::int64_t>(part_panels, 1);

  // A task's strips: as many as the cache holds, all where a panel is packed for them.
  if (panels_from == From::worker) block_strips_ = part_strips;
  if (strips_from == From::worker) return;
  const std::int64_t blocks =
      std::max(divide_up(part_strips, block_strips_),
               std::min(part_strips, divide_up(kLeastTasks * workers, part_panels)));
  block_strips_ = divide_up(part_strips, blocks);
}

Plan::From Plan::place_of_panels(const MatmulArgs& args, std::int64_t sub_bytes) const {
  if (engine_.tile_bf16 && args.b.layout == Operand::Layout::panels) {
    const bool f32_product = args.multiply == Multiply::f32, few = strips <= 2;
    if (args.b.dtype == DType::bf16  ? few
        : args.b.dtype == DType::f16 ? few && f32_product && engine_.tile_f16
                                     : f32_product)
      return From::in_place;
  }
  return strips * sub_bytes <= engine_.blocking.streamed_bytes ? From::worker : From::shared;
}

bool Plan::packs_own_strips(const MatmulArgs& args) const {
  if (panels_from != From::in_place || several_passes) return false;
  const std::int64_t blocks = divide_up(strips, block_strips_);
  if (blocks == 1) return sub >= args.k && args.n >= kColumnsPerCopy * workers_;
  return blocks >= kLeastTasks * workers_ && panels * args.k * panel_row_bytes <= kPassedBytes;
}

std::vector<Task> Plan::tasks(Range of_strips, Range of_panels) const {
  const std::int64_t blocks = divide_up(of_strips.count(), block_strips_);
  const auto block = [&](std::int64_t index) {
    const std::int64_t begin = of_strips.begin + index * block_strips_;
    return Range{begin, std::min(of_strips.end, begin + block_strips_)};
  };
  const Share share = strips == 1 ? kStreamingShare : kTaskShare;
  const auto fair_panels = [&](std::int64_t tiles) {
    return workers_ == 1 ? of_panels.count() : tiles * share.part / (share.of * workers_);
  };
  std::vector<Task> tasks;
  if (strips_from == From::worker) {
    // Whole blocks while there are enough, so that few strips are packed twice.
    const std::int64_t whole = std::max<std::int64_t>(0, blocks - workers_);
    for (std::int64_t b = 0; b < whole; ++b) tasks.push_back({block(b), of_panels});
    for (std::int64_t b = whole; b < blocks; ++b)
      for (Range rest = of_panels; rest.count() > 0;) {
        const std::int64_t left = rest.count() + (blocks - b - 1) * of_panels.count();
        const std::int64_t count =
            std::min(rest.count(), std::max<std::int64_t>(fair_panels(left), 1));
        tasks.push_back({block(b), {rest.begin, rest.begin + count}});
        rest.begin += count;
      }
    return tasks;
  }
  std::vector<Range> groups;
  for (Range rest = of_panels; rest.count() > 0;) {
    const std::int64_t count =
        std::min(rest.count(), std::clamp<std::int64_t>(fair_panels(rest.count() * blocks), 1,
                                                        engine_.blocking.task_panels));
    groups.push_back({rest.begin, rest.begin + count});
    rest.begin += count;
  }
  if (engine_.blocking.panels_first) {
    for (std::int64_t b = 0; b < blocks; ++b)
      for (const Range& group : groups) tasks.push_back({block(b), group});
  } else {
    for (const Range& group : groups)
      for (std::int64_t b = 0; b < blocks; ++b) tasks.push_back({block(b), group});
  }
  return tasks;
}

}  // namespace stemma::kernels::cpu
