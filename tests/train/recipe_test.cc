#include "train/recipe.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/base/expect_error.h"

namespace stemma::train {
namespace {

TEST(Recipe, DepthDerivesWidthHeadsBatchAndLearningRate) {
  Recipe recipe;
  recipe.depth = 4;
  const ModelConfig config = depth_config(recipe, 4096);
  EXPECT_EQ(config.channels, 256);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.layers, 4);
  EXPECT_EQ(config.context, 256);
  EXPECT_EQ(config.vocab, 4096);
  EXPECT_EQ(config.family, "gpt2");
  resolve(recipe, config);
  EXPECT_EQ(recipe.batch, 16);  // 16 tokens a channel: 4,096 tokens
  EXPECT_DOUBLE_EQ(recipe.learning_rate, 6e-4 * 3);
  EXPECT_DOUBLE_EQ(recipe.min_learning_rate, 6e-4 * 0.3);
  EXPECT_EQ(recipe.warmup, 20);
  EXPECT_EQ(recipe.batch % recipe.micro_batch, 0);
}

TEST(Recipe, TheFamilyOfGpt1NormsAfterTheSublayer) {
  Recipe recipe;
  recipe.depth = 2;
  recipe.family = "gpt1";
  const ModelConfig config = depth_config(recipe, 100);
  EXPECT_EQ(config.family, "gpt1");
  EXPECT_FALSE(config.scaled_residual);
}

TEST(Recipe, TheObjectiveFollowsFromTheModel) {
  for (const auto& [family, objective] : {std::pair{"gpt2", "lm"}, std::pair{"bert", "mlm"}}) {
    Recipe recipe;
    recipe.depth = 2;
    recipe.family = family;
    const ModelConfig config = depth_config(recipe, 100);
    resolve(recipe, config);
    EXPECT_EQ(recipe.objective, objective);
    recipe.objective = recipe.objective == "lm" ? "mlm" : "lm";
    EXPECT_ERROR(resolve(recipe, config), ErrorCode::unsupported,
                 "objective " + recipe.objective + " does not train a model of family " + family);
  }
  Recipe recipe;
  recipe.depth = 2;
  recipe.family = "bert";
  ModelConfig config = depth_config(recipe, 100);
  config.token_head = config.head_bias = false;
  EXPECT_ERROR(resolve(recipe, config), ErrorCode::unsupported, "token head");
}

TEST(Recipe, WhatIsGivenStays) {
  Recipe recipe;
  recipe.depth = 2;
  recipe.batch = 6;
  recipe.micro_batch = 3;
  recipe.learning_rate = 0.01;
  recipe.min_learning_rate = 0;
  recipe.warmup = 0;
  const Recipe given = recipe;
  resolve(recipe, depth_config(recipe, 100));
  EXPECT_EQ(recipe.batch, given.batch);
  EXPECT_EQ(recipe.micro_batch, given.micro_batch);
  EXPECT_EQ(recipe.learning_rate, given.learning_rate);
  EXPECT_EQ(recipe.min_learning_rate, 0);
  EXPECT_EQ(recipe.warmup, 0);
}

TEST(Recipe, ImpossibleValuesNameTheKey) {
  const auto resolved = [](auto change) {
    Recipe recipe;
    recipe.depth = 2;
    change(recipe);
    ModelConfig config = depth_config(recipe, 100);
    config.context = 256;
    resolve(recipe, config);
  };
  EXPECT_ERROR(resolved([](Recipe& r) { r.sequence_length = 257; }), ErrorCode::invalid_argument,
               "sequence_length");
  EXPECT_ERROR(resolved([](Recipe& r) { r.batch = 5, r.micro_batch = 2; }),
               ErrorCode::invalid_argument, "micro_batch");
  EXPECT_ERROR(resolved([](Recipe& r) { r.learning_rate = 1e-3, r.min_learning_rate = 1e-2; }),
               ErrorCode::invalid_argument, "min_learning_rate");
  EXPECT_ERROR(resolved([](Recipe& r) { r.steps = 10, r.warmup = 11; }),
               ErrorCode::invalid_argument, "warmup");
}

TEST(Recipe, EveryKeyReadsBack) {
  Recipe recipe, again;
  OptionSet options("train"), other("train");
  recipe.data = {"a.txt", "b c.txt"};
  recipe.learning_rate = 3e-4;
  declare(recipe, options);
  declare(again, other);
  other.read_toml_text(options.to_toml(), "recipe");
  EXPECT_EQ(again.data, recipe.data);
  EXPECT_EQ(again.learning_rate, recipe.learning_rate);
  EXPECT_EQ(other.infos().size(), options.infos().size());
}

}  // namespace
}  // namespace stemma::train
