#include "ops/arena.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace stemma::ops {
namespace {

// A step with overlapping lifetimes; each live buffer is checked for another's bytes.
void run_step(Arena& arena, std::uint64_t key, std::size_t unit) {
  const Arena::Step step(arena, key);
  const auto make = [&](std::size_t bytes, int mark) {
    StorageRef ref(arena.allocate(bytes));
    std::memset(ref.get()->data, mark, bytes);
    return ref;
  };
  const auto holds = [](const StorageRef& ref, int mark) {
    for (std::size_t i = 0; i < ref.get()->bytes; ++i)
      ASSERT_EQ(static_cast<int>(ref.get()->data[i]), mark);
  };
  StorageRef a = make(3 * unit, 1), b = make(unit, 2);
  {
    StorageRef c = make(2 * unit, 3);
    holds(a, 1);
    holds(c, 3);
  }
  StorageRef d = make(5 * unit, 4);
  holds(a, 1);
  a = {};
  StorageRef e = make(3 * unit, 5);
  holds(b, 2);
  holds(d, 4);
  holds(e, 5);
}

TEST(Arena, RepeatedStepsAllocateNothing) {
  Arena arena;
  run_step(arena, 7, 1000);
  const auto first = arena.heap_allocations();
  EXPECT_EQ(first, 5);
  for (int i = 0; i < 3; ++i) run_step(arena, 7, 1000);
  EXPECT_EQ(arena.heap_allocations(), first);
  // a, b, d live together: nothing can be smaller; c and e fit into freed places.
  EXPECT_LE(arena.slab_bytes(), 3008u + 1024u + 5056u + 64u + 3008u);
  EXPECT_GE(arena.slab_bytes(), 9000u);
}

TEST(Arena, ShapesHaveTheirOwnPlans) {
  Arena arena;
  run_step(arena, 1, 100);
  run_step(arena, 2, 300);
  const auto count = arena.heap_allocations();
  for (int i = 0; i < 4; ++i) run_step(arena, 1 + i % 2, i % 2 ? 300 : 100);
  EXPECT_EQ(arena.heap_allocations(), count);
}

TEST(Arena, ADepartingStepFallsBackAndIsPlannedAnew) {
  Arena arena;
  run_step(arena, 1, 100);
  run_step(arena, 1, 200);  // the same key, other sizes
  run_step(arena, 1, 200);  // logged again
  const auto count = arena.heap_allocations();
  run_step(arena, 1, 200);
  EXPECT_EQ(arena.heap_allocations(), count);
}

TEST(Arena, ABufferThatOutlivesTheStepKeepsItsBytes) {
  Arena arena;
  StorageRef kept;
  {
    const Arena::Step step(arena, 1);
    kept = StorageRef(arena.allocate(64));
  }
  {
    const Arena::Step step(arena, 1);
    StorageRef other(arena.allocate(64));
    std::memset(kept.get()->data, 1, 64);
    std::memset(other.get()->data, 2, 64);
    EXPECT_EQ(static_cast<int>(kept.get()->data[63]), 1);
  }
}

}  // namespace
}  // namespace stemma::ops
