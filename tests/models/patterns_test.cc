#include "models/patterns.h"

#include <gtest/gtest.h>

#include "models/cost.h"
#include "models/family.h"
#include "tests/base/expect_error.h"

namespace stemma {
namespace {

using Kind = kernels::AttentionPattern::Kind;

TEST(Patterns, NamesBothWays) {
  EXPECT_EQ(pattern_named("dense").kind, Kind::dense);
  EXPECT_EQ(pattern_named("local").kind, Kind::local);
  EXPECT_EQ(pattern_named("local").k, 256);
  EXPECT_EQ(pattern_named("dilated:7").k, 7);
  for (const char* name : {"dense", "local:256", "dilated:64", "strided:1"})
    EXPECT_EQ(to_string(pattern_named(name)), name);
  for (const char* name : {"", "band", "local:", "local:0", "local:-1", "local:x", "local:3 ",
                           "dense:4", "local:99999999999999999999", "locally"})
    EXPECT_ERROR(pattern_named(name), ErrorCode::invalid_argument, "dense, local:K");
}

TEST(Patterns, RepeatOverTheLayers) {
  EXPECT_TRUE(repeated_patterns({}, 3).empty());
  const auto all = repeated_patterns({"dense", "local:8"}, 5);
  ASSERT_EQ(all.size(), 5u);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i].kind, i % 2 ? Kind::local : Kind::dense);
}

// Brown et al. 2020, table 2.1, with the two rows that do not multiply out as we read them.
TEST(Patterns, Gpt3HasEightSizes) {
  struct Size {
    const char* name;
    std::int64_t layers, channels, heads, head_size;
    double billions;  // of parameters, as the paper prints it
  };
  const Size sizes[] = {
      {"gpt3-small", 12, 768, 12, 64, 0.125},  {"gpt3-medium", 24, 1024, 16, 64, 0.350},
      {"gpt3-large", 24, 1536, 16, 96, 0.760}, {"gpt3-xl", 24, 2048, 16, 128, 1.3},
      {"gpt3-2.7b", 32, 2560, 32, 80, 2.7},    {"gpt3-6.7b", 32, 4096, 32, 128, 6.7},
      {"gpt3-13b", 40, 5120, 40, 128, 13.0},   {"gpt3-175b", 96, 12288, 96, 128, 175.0}};
  for (const Size& size : sizes) {
    SCOPED_TRACE(size.name);
    const ModelConfig c = published_config(size.name);
    EXPECT_EQ(c.family, "gpt3");
    EXPECT_EQ(c.context, 2048);
    EXPECT_EQ(c.layers, size.layers);
    EXPECT_EQ(c.channels, size.channels);
    EXPECT_EQ(c.heads, size.heads);
    EXPECT_EQ(c.head_size(), size.head_size);
    EXPECT_NEAR(static_cast<double>(ModelCost(c).parameters()) / 1e9, size.billions,
                0.03 * size.billions);
    ASSERT_EQ(static_cast<std::int64_t>(c.patterns.size()), c.layers);
    for (std::size_t i = 0; i < c.patterns.size(); ++i)
      EXPECT_EQ(c.patterns[i].kind, i % 2 ? Kind::local : Kind::dense);
  }
}

TEST(Patterns, OneForEachLayer) {
  ModelConfig c = published_config("gpt3-small");
  c.patterns.pop_back();
  EXPECT_ERROR(c.validate(), ErrorCode::invalid_argument, "11 layers");
  c.patterns.push_back({Kind::local, 0});
  EXPECT_ERROR(c.validate(), ErrorCode::invalid_argument, "pattern");
}

}  // namespace
}  // namespace stemma
