#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/cpu/matmul/plan.h"

namespace stemma::kernels::cpu {
namespace {

using Layout = Operand::Layout;

MatmulArgs product(std::int64_t m, std::int64_t n, std::int64_t k, Layout b) {
  MatmulArgs args;
  args.m = m;
  args.n = n;
  args.k = k;
  args.a.stride = k;
  args.b.layout = b;
  args.b.stride = b == Layout::rows ? n : k;
  return args;
}

std::vector<const Engine*> engines() {
  return {&avx2_engine(), &avx512_engine(), &avx512_bf16_engine(), &amx_emulation_engine()};
}

// Every tile of a part belongs to exactly one task, whatever the workers.
TEST(MatmulPlan, TasksCoverEachTileOnce) {
  std::mt19937 random(5);
  const auto below = [&](unsigned n) { return static_cast<std::int64_t>(random() % n); };
  for (int i = 0; i < 200; ++i) {
    const MatmulArgs args =
        product(1 + below(i % 4 == 0 ? 5000 : 200), 1 + below(4000), below(6000), Layout(below(3)));
    for (const Engine* engine : engines())
      for (int workers : {1, 2, 16}) {
        const Plan plan(*engine, args, workers);
        const Range strips{0, std::min(plan.part_strips, plan.strips)},
            panels{plan.panels - std::min(plan.part_panels, plan.panels), plan.panels};
        std::vector<int> seen(static_cast<std::size_t>(strips.count() * panels.count()));
        for (const Task& task : plan.tasks(strips, panels)) {
          ASSERT_GE(task.strips.begin, strips.begin);
          ASSERT_LE(task.strips.end, strips.end);
          ASSERT_GE(task.panels.begin, panels.begin);
          ASSERT_LE(task.panels.end, panels.end);
          for (std::int64_t s = task.strips.begin; s < task.strips.end; ++s)
            for (std::int64_t p = task.panels.begin; p < task.panels.end; ++p)
              ++seen[static_cast<std::size_t>((s - strips.begin) * panels.count() + p -
                                              panels.begin)];
        }
        for (int times : seen)
          ASSERT_EQ(times, 1) << "m " << args.m << " n " << args.n << " k " << args.k << " workers "
                              << workers;
      }
  }
}

// The strips of a task leave room in the second cache, but for those that stream past panels.
TEST(MatmulPlan, ATaskKeepsToItsCache) {
  for (const Engine* engine : engines())
    for (int workers : {1, 2, 16})
      for (std::int64_t m : {64, 512, 4096}) {
        const Plan plan(*engine, product(m, 768, 3072, Layout::panels), workers);
        if (plan.panels_from == Plan::From::worker) continue;
        const std::int64_t strip =
            engine->strip_rows * plan.sub * static_cast<std::int64_t>(engine->packed_bytes);
        for (const Task& task : plan.tasks({0, plan.part_strips}, {0, plan.part_panels}))
          EXPECT_LE(task.strips.count() * strip, engine->blocking.strip_bytes);
      }
}

// Few strips, and two workers: each packs them. Many workers share what they pack; so do all where
// every column of B would be read for a few strips at a time.
TEST(MatmulPlan, WorkersPackTheirOwnStripsWhereThatIsCheaper) {
  const auto from = [](std::int64_t m, std::int64_t n, std::int64_t k, int workers) {
    return Plan(avx512_engine(), product(m, n, k, Layout::panels), workers).strips_from;
  };
  EXPECT_EQ(from(64, 768, 768, 2), Plan::From::worker);
  EXPECT_EQ(from(64, 768, 768, 16), Plan::From::shared);
  EXPECT_EQ(from(1024, 768, 768, 2), Plan::From::worker);
  EXPECT_EQ(from(1024, 768, 768, 16), Plan::From::shared);
  EXPECT_EQ(from(1024, 50257, 768, 2), Plan::From::shared);
  EXPECT_EQ(from(1, 768, 768, 2), Plan::From::in_place);
}

}  // namespace
}  // namespace stemma::kernels::cpu
