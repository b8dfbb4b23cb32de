#include "base/suggest.h"

#include <vector>

#include <gtest/gtest.h>

namespace stemma {
namespace {

const std::vector<std::string> kNames = {"learning_rate", "warmup_steps", "steps", "seed",
                                         "gpt2",          "gpt2-medium",  "batch"};

TEST(Suggest, FindsTheNearestName) {
  EXPECT_EQ(closest_name("lerning_rate", kNames), "learning_rate");
  EXPECT_EQ(closest_name("learning-rate", kNames), "learning_rate");
  EXPECT_EQ(closest_name("Learning_Rat", kNames), "learning_rate");
  EXPECT_EQ(closest_name("laerning_rate", kNames), "learning_rate");  // neighbours swapped
  EXPECT_EQ(closest_name("step", kNames), "steps");
  EXPECT_EQ(closest_name("sede", kNames), "seed");
  EXPECT_EQ(closest_name("gpt-2", kNames), "gpt2");
  EXPECT_EQ(closest_name("warmup", kNames), "warmup_steps");  // the only one it begins
}

TEST(Suggest, StaysSilentWhereNothingIsNear) {
  EXPECT_EQ(closest_name("temperature", kNames), "");
  EXPECT_EQ(closest_name("", kNames), "");
  EXPECT_EQ(closest_name("x", std::vector<std::string>{"y"}), "");
  EXPECT_EQ(closest_name("steps", {}), "");
  EXPECT_EQ(closest_name(std::string(10'000'000, 's'), kNames), "");
}

TEST(Suggest, WritesTheHint) {
  EXPECT_EQ(did_you_mean("bacth", kNames), "; did you mean 'batch'?");
  EXPECT_EQ(did_you_mean("zzz", kNames), "");
}

}  // namespace
}  // namespace stemma
