#include "ops/block_pool.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {
namespace {

// Blocks that live beside each other, as in a pass forward and backward; each is checked for
// another's bytes.
void run_pool_step(BlockPool& pool, std::size_t unit) {
  std::vector<StorageRef> kept;
  for (std::size_t i = 1; i <= 12; ++i) {
    kept.emplace_back(pool.allocate(i * unit));
    ASSERT_EQ(kept.back().get()->bytes, i * unit);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(kept.back().get()->data) % 64, 0u);
    std::memset(kept.back().get()->data, static_cast<int>(i), i * unit);
    const StorageRef passing(pool.allocate(3 * unit));
    std::memset(passing.get()->data, 0xEE, 3 * unit);
  }
  for (; !kept.empty(); kept.pop_back())
    for (std::size_t b = 0; b < kept.size() * unit; ++b)
      ASSERT_EQ(static_cast<std::size_t>(kept.back().get()->data[b]), kept.size());
}

TEST(BlockPool, ASecondStepOfTheSameShapesTakesNothingFromTheHeap) {
  BlockPool pool;
  run_pool_step(pool, 1000);
  const std::int64_t first = pool.heap_allocations();
  const std::size_t held = pool.held_bytes();
  EXPECT_GT(first, 0);
  for (int i = 0; i < 3; ++i) run_pool_step(pool, 1000);
  EXPECT_EQ(pool.heap_allocations(), first);
  EXPECT_EQ(pool.held_bytes(), held);
}

// Batches of all lengths: after a few, everything that comes is smaller than what was seen.
TEST(BlockPool, StepsOfOtherShapesShareBlocks) {
  BlockPool pool;
  for (std::size_t unit = 900; unit < 1100; unit += 7) run_pool_step(pool, unit);
  const std::int64_t before = pool.heap_allocations();
  for (std::size_t unit = 903; unit < 1100; unit += 11) run_pool_step(pool, unit);
  EXPECT_EQ(pool.heap_allocations(), before);
}

// Bytes that the pool holds for one block of a size.
std::size_t held_for(std::size_t bytes) {
  BlockPool pool;
  const StorageRef block(pool.allocate(bytes));
  std::memset(block.get()->data, 1, bytes);
  return pool.held_bytes();
}

TEST(BlockPool, BlocksAreAtMostAQuarterTooLarge) {
  for (std::size_t bytes = 1; bytes < 70'000; bytes += bytes < 2100 ? 1 : 97) {
    const std::size_t held = held_for(bytes);
    ASSERT_GE(held, bytes);
    ASSERT_LE(held, std::max<std::size_t>(256, bytes + bytes / 4)) << bytes;
  }
  EXPECT_EQ(held_for(0), 256u);
  // The four classes of a power of two, and what lies between them.
  EXPECT_EQ(held_for(4096), 4096u);
  EXPECT_EQ(held_for(4097), 5120u);
  EXPECT_EQ(held_for(5120), 5120u);
  EXPECT_EQ(held_for(5121), 6144u);
  EXPECT_EQ(held_for(6145), 7168u);
  EXPECT_EQ(held_for(7169), 8192u);
  EXPECT_EQ(held_for(8192), 8192u);
}

TEST(BlockPool, ABlockServesItsClassAndSizesALittleSmaller) {
  BlockPool pool;
  { const StorageRef block(pool.allocate(4097)); }
  {
    const StorageRef same_class(pool.allocate(5120));
    EXPECT_EQ(pool.heap_allocations(), 1);
    EXPECT_EQ(same_class.get()->bytes, 5120u);
    const StorageRef second(pool.allocate(5000));  // the first one is in use
    EXPECT_EQ(pool.heap_allocations(), 2);
  }
  // Two blocks of 5120 are free.
  const StorageRef smaller(pool.allocate(4096)), half(pool.allocate(2560));
  EXPECT_EQ(pool.heap_allocations(), 3);
  EXPECT_EQ(pool.held_bytes(), 2u * 5120 + 2560);
}

// A step that needs more than all before takes their blocks' place.
TEST(BlockPool, GrowingGivesSmallerBlocksBack) {
  BlockPool pool;
  { const StorageRef a(pool.allocate(4096)), b(pool.allocate(4096)); }
  EXPECT_EQ(pool.held_bytes(), 2u * 4096);
  const StorageRef larger(pool.allocate(5120));
  EXPECT_EQ(pool.held_bytes(), 4096u + 5120);
  const StorageRef huge(pool.allocate(1 << 20));  // no block is near
  EXPECT_EQ(pool.held_bytes(), 4096u + 5120 + (1 << 20));
}

// Batches of the same number of texts, in any order of their sizes: the pool holds about what the
// largest needs.
TEST(BlockPool, HoldsWhatTheLargestStepNeeds) {
  BlockPool largest;
  run_pool_step(largest, 1300);
  BlockPool pool;
  for (std::size_t i = 0; i < 200; ++i) run_pool_step(pool, 900 + i * 37 % 401);
  EXPECT_LE(pool.held_bytes(), largest.held_bytes() * 5 / 4);
}

TEST(BlockPool, TheLastReleasedIsTheFirstGivenOut) {
  BlockPool pool;
  StorageRef a(pool.allocate(1000)), b(pool.allocate(1000));
  const std::byte* const of_a = a.get()->data;
  b = {};
  a = {};
  EXPECT_EQ(StorageRef(pool.allocate(900)).get()->data, of_a);
}

TEST(BlockPool, GivesTensorsTheirMemory) {
  Stream stream(1);
  BlockPool pool;
  const Context ctx(stream, Numerics::f32(), pool);
  for (int i = 0; i < 5; ++i) {
    const Tensor x = ctx.empty({10, 30}, DType::f32), y = ctx.empty({10, 29}, DType::f32);
    EXPECT_NE(x.raw(), y.raw());
  }
  EXPECT_EQ(pool.heap_allocations(), 2);
}

}  // namespace
}  // namespace stemma::ops
