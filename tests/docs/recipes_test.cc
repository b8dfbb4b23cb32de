// Every recipe that a reader may want to repeat is understood, and means what its file says.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "base/options.h"
#include "models/cost.h"
#include "models/family.h"
#include "train/recipe.h"

namespace stemma::train {
namespace {

std::filesystem::path recipe_path(const std::string& name) {
  return std::filesystem::path(STEMMA_SOURCE_DIR) / "recipes" / (name + ".toml");
}

Recipe read(const std::filesystem::path& path) {
  Recipe recipe;
  OptionSet options("train");
  declare(recipe, options);
  options.read_toml(path);
  return recipe;
}

ModelConfig config_of(const Recipe& recipe) {
  return recipe.depth > 0 ? depth_config(recipe, 2048) : published_config(recipe.model);
}

TEST(Recipes, AllAreUnderstood) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(STEMMA_SOURCE_DIR) / "recipes")) {
    // Those of fine-tuning: tests/tasks/recipes_test.cc.
    if (entry.is_directory() || entry.path().stem() == "classification-documents") continue;
    ASSERT_EQ(entry.path().extension(), ".toml") << entry.path();
    SCOPED_TRACE(entry.path().string());
    Recipe recipe = read(entry.path());
    const ModelConfig config = config_of(recipe);
    EXPECT_NO_THROW(config.validate());
    EXPECT_NO_THROW(resolve(recipe, config));
    EXPECT_FALSE(recipe.data.empty());
    ++count;
  }
  EXPECT_GE(count, 3);
}

// Radford et al. 2018, section 4.1.
TEST(Recipes, Gpt1HasThePapersSettings) {
  const Recipe r = read(recipe_path("gpt1-117m"));
  const ModelConfig c = config_of(r);
  EXPECT_EQ(c.layers, 12);
  EXPECT_EQ(c.channels, 768);
  EXPECT_EQ(c.heads, 12);
  EXPECT_EQ(c.family, "gpt1");
  EXPECT_EQ(r.sequence_length, 512);
  EXPECT_EQ(r.batch, 64);
  EXPECT_EQ(r.warmup, 2000);
  EXPECT_DOUBLE_EQ(r.learning_rate, 2.5e-4);
  EXPECT_DOUBLE_EQ(r.min_learning_rate, 0);
  EXPECT_DOUBLE_EQ(r.dropout, 0.1);
  EXPECT_DOUBLE_EQ(r.weight_decay, 0.01);
  EXPECT_DOUBLE_EQ(r.position_std, 0.02);
}

// Radford et al. 2019, section 2.3 and table 2; positions as in OpenAI's code.
TEST(Recipes, Gpt2HasThePapersSettings) {
  const Recipe r = read(recipe_path("gpt2-124m"));
  const ModelConfig c = config_of(r);
  EXPECT_EQ(c.layers, 12);
  EXPECT_EQ(c.channels, 768);
  EXPECT_EQ(c.vocab, 50257);
  EXPECT_EQ(c.family, "gpt2");
  EXPECT_EQ(r.tokenizer, "gpt2");
  EXPECT_EQ(r.sequence_length, 1024);
  EXPECT_EQ(r.batch, 512);
  EXPECT_DOUBLE_EQ(r.position_std, 0.01);
  EXPECT_DOUBLE_EQ(r.validation_fraction, 0.05);
}

// What scripts/quickstart.sh tells its reader about the model.
TEST(Recipes, TheQuickstartSaysHowLargeItsModelIs) {
  const Recipe r = read(recipe_path("quickstart"));
  const double millions = static_cast<double>(ModelCost(config_of(r)).parameters()) / 1e6;
  std::ostringstream said;
  said.precision(1);
  said << std::fixed << millions << " million parameters";
  for (const auto& file : {std::filesystem::path(STEMMA_SOURCE_DIR) / "scripts/quickstart.sh",
                           recipe_path("quickstart")}) {
    std::ifstream in(file);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    EXPECT_NE(text.find(said.str()), std::string::npos) << file << " should say " << said.str();
  }
}

}  // namespace
}  // namespace stemma::train
