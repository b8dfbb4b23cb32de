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

// A pass of a model at inference: activations die in it, logits live until the next pass has made
// its own.
StorageRef inference_pass(Arena& arena, std::uint64_t key, std::size_t unit, int mark) {
  const Arena::Step step(arena, key);
  StorageRef hidden(arena.allocate(3 * unit)), more(arena.allocate(2 * unit));
  StorageRef logits(arena.allocate(unit));
  hidden = {};
  StorageRef last(arena.allocate(4 * unit));
  for (const StorageRef* r : {&more, &last}) std::memset(r->get()->data, 99, r->get()->bytes);
  std::memset(logits.get()->data, mark, unit);
  return logits;
}

TEST(Arena, OutputsOutliveThePassAndTheRestIsReplayed) {
  Arena arena;
  StorageRef logits = inference_pass(arena, 1, 1000, 1);
  const auto first = arena.heap_allocations();
  EXPECT_EQ(first, 4);
  for (int i = 2; i < 7; ++i) {
    StorageRef next = inference_pass(arena, 1, 1000, i);
    for (std::size_t j = 0; j < 1000; ++j) {
      ASSERT_EQ(static_cast<int>(logits.get()->data[j]), i - 1);
      ASSERT_EQ(static_cast<int>(next.get()->data[j]), i);
    }
    logits = next;
    EXPECT_EQ(arena.heap_allocations(), first + i - 1) << "only the logits";
  }
  EXPECT_GE(arena.slab_bytes(), 6000u);
  EXPECT_LE(arena.slab_bytes(), 9300u);
}

// Two passes in turns (prefill and decode), with what both gave still alive.
TEST(Arena, OutputsOfOneShapeOutlivePassesOfAnother) {
  Arena arena;
  StorageRef a = inference_pass(arena, 1, 500, 1), b = inference_pass(arena, 2, 800, 2);
  const auto first = arena.heap_allocations();
  for (int i = 0; i < 3; ++i) {
    const StorageRef c = inference_pass(arena, 1, 500, 3), d = inference_pass(arena, 2, 800, 4);
    EXPECT_EQ(static_cast<int>(a.get()->data[499]), 1);
    EXPECT_EQ(static_cast<int>(b.get()->data[799]), 2);
    EXPECT_EQ(static_cast<int>(c.get()->data[499]), 3);
  }
  EXPECT_EQ(arena.heap_allocations(), first + 6);
}

// An output that dies in its pass for once, and one that does not where it used to.
TEST(Arena, AnotherLifeThanTheLogSaysIsNoticed) {
  Arena arena;
  StorageRef kept;
  const auto step = [&](bool keep) {
    const Arena::Step memory(arena, 1);
    StorageRef x(arena.allocate(100)), y(arena.allocate(100));
    std::memset(x.get()->data, 1, 100);
    std::memset(y.get()->data, 2, 100);
    if (keep) kept = x;
    x = {};
    StorageRef z(arena.allocate(100));
    std::memset(z.get()->data, 3, 100);
    EXPECT_EQ(static_cast<int>(y.get()->data[99]), 2);
    if (keep) {
      EXPECT_EQ(static_cast<int>(kept.get()->data[99]), 1);
    }
  };
  for (const bool keep : {false, false, true, true, true, false, true, false, false}) {
    step(keep);
    if (keep) {
      EXPECT_EQ(static_cast<int>(kept.get()->data[0]), 1);
    }
    if (!keep) kept = {};
  }
}

// Prompts of ever new lengths: the shape that comes again keeps its plan, the others go.
TEST(Arena, RemembersTheShapesUsedLast) {
  Arena arena(8);
  run_step(arena, 1000, 100);
  run_step(arena, 1000, 100);
  for (std::uint64_t length = 1; length <= 500; ++length) {
    run_step(arena, length, 8 + length);
    if (length % 5 == 0) {
      const auto before = arena.heap_allocations();
      run_step(arena, 1000, 100);
      EXPECT_EQ(arena.heap_allocations(), before) << length;
    }
    ASSERT_LE(arena.plans(), 8u);
  }
  const auto before = arena.heap_allocations();
  run_step(arena, 499, 8 + 499);
  EXPECT_EQ(arena.heap_allocations(), before);
  run_step(arena, 3, 8 + 3);  // forgotten: logged again
  EXPECT_EQ(arena.heap_allocations(), before + 5);
  EXPECT_EQ(arena.plans(), 8u);
}

}  // namespace
}  // namespace stemma::ops
