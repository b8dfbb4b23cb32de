// How a product is cut to the caches and to the workers: what is packed where, what is computed at
// a time, and in which tasks. None of it changes a bit of the result: the order of sums is a matter
// of the engine's tile alone. Private to kernels/cpu/matmul*.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/matmul_kernels.h"

namespace stemma::kernels::cpu {

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t count() const { return end - begin; }
};

// A block of strips times a group of panels: what one worker computes at a time. It walks the
// panels, and for each panel the strips: a panel, or a piece of it, stays in the second or the
// first cache while the strips go over it (Goto and van de Geijn 2008).
struct Task {
  Range strips, panels;
};

struct Plan {
  // Where tiles read an operand: as it lies, from memory that all workers packed, or from memory
  // that the task's worker packs just before. What another worker packed has to come from its
  // caches, about 45 ns a line on Zen 3 (docs/log.md): where packing twice costs less, workers pack
  // for themselves.
  enum class From : std::uint8_t { in_place, shared, worker };

  Plan(const Engine& engine, const MatmulArgs& args, int workers);

  // The tasks of a part of the product. The larger ones come first: inside a task the next panel is
  // fetched while tiles use the one before, and at the end nobody waits long for another's.
  std::vector<Task> tasks(Range of_strips, Range of_panels) const;

  From strips_from = From::shared, panels_from = From::in_place;
  std::int64_t strips = 0, panels = 0;
  bool several_passes = false;                    // over K
  std::int64_t pass = 0, sub = 0;                 // k packed, k worked on at a time
  std::int64_t part_strips = 0, part_panels = 0;  // packed at a time
  std::int64_t strip_bytes = 0, panel_bytes = 0;  // packed
  std::int64_t panel_row_bytes = 0;               // of one k where tiles read it
  std::int64_t tile_sums = 0;                     // floats

 private:
  From place_of_panels(const MatmulArgs& args, std::int64_t sub_bytes) const;
  bool packs_own_strips(const MatmulArgs& args) const;

  const Engine& engine_;
  const std::int64_t workers_;
  std::int64_t block_strips_ = 0;  // of a task
};

}  // namespace stemma::kernels::cpu
