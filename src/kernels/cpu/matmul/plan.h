// The plan of one matrix product: block sizes for the caches, what is packed by whom, and the tasks
// that workers take. matmul.cc pictures the loops that follow it. No plan changes a bit of the
// result, because the order of sums is fixed inside the microkernel. Private to
// kernels/cpu/matmul/.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/matmul/kernels.h"

namespace stemma::kernels::cpu {

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t count() const { return end - begin; }
};

// A block of strips times a group of panels: what one worker computes at a time. The outer loop
// goes over the panels, the inner one over the strips: a panel, or a piece of it, stays in L2 or L1
// while it is multiplied with every strip (Goto and van de Geijn 2008).
struct Task {
  Range strips, panels;
};

struct Plan {
  // Where the microkernel reads an operand: as it is stored, from memory that all workers packed
  // together, or from memory that the task's worker packed just before. A cache line that another
  // worker packed has to come from that core's cache, about 45 ns a line on Zen 3 (docs/log.md):
  // where packing twice costs less, every worker packs for itself.
  enum class From : std::uint8_t { in_place, shared, worker };

  Plan(const Engine& engine, const MatmulArgs& args, int workers);

  // The tasks of a part of the product, larger ones first: inside a task the next panel is
  // prefetched while the one before is multiplied, and at the end small tasks keep all workers
  // busy.
  std::vector<Task> tasks(Range of_strips, Range of_panels) const;

  From strips_from = From::shared, panels_from = From::in_place;
  std::int64_t strips = 0, panels = 0;
  bool several_passes = false;                    // K takes more than one pass
  std::int64_t pass = 0, sub = 0;                 // k packed, k multiplied by a task at a time
  std::int64_t part_strips = 0, part_panels = 0;  // packed at a time
  std::int64_t strip_bytes = 0, panel_bytes = 0;  // of one packed strip, one packed panel
  std::int64_t panel_row_bytes = 0;               // of one k of a panel where it is read
  std::int64_t tile_sums = 0;                     // floats

 private:
  From place_of_panels(const MatmulArgs& args, std::int64_t sub_bytes) const;
  bool packs_own_strips(const MatmulArgs& args) const;

  const Engine& engine_;
  const std::int64_t workers_;
  std::int64_t block_strips_ = 0;  // of a task
};

}  // namespace stemma::kernels::cpu
