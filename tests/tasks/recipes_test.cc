// Every recipe of fine-tuning is understood, and means what its file says.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/options.h"
#include "tasks/description.h"
#include "tasks/finetune_recipe.h"

namespace stemma::tasks {
namespace {

std::filesystem::path recipes() { return std::filesystem::path(STEMMA_SOURCE_DIR) / "recipes"; }

FinetuneRecipe read_finetune_recipe(const std::filesystem::path& path) {
  FinetuneRecipe recipe;
  OptionSet options("finetune");
  declare(recipe, options);
  options.read_toml(path);
  return recipe;
}

TEST(FinetuneRecipes, AllAreUnderstood) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(recipes() / "finetune")) {
    SCOPED_TRACE(entry.path().string());
    const FinetuneRecipe r = read_finetune_recipe(entry.path());
    EXPECT_NO_THROW(task_named(r.task));
    // The data that scripts/task-data.sh makes, under the name of the recipe; some sets have parts
    // of a size of their own (sst2-20000).
    std::string set = entry.path().stem().string();
    if (set.starts_with("smollm2-")) set = set.substr(set.find('-') + 1);
    const std::string folder = "data/tasks/" + set;
    EXPECT_TRUE(r.train.starts_with(folder)) << r.train;
    EXPECT_TRUE(r.test.starts_with(folder)) << r.test;
    EXPECT_NE(read_file(entry.path()).find("finetune/" + entry.path().filename().string()),
              std::string::npos)
        << "its first lines say how to run it";
    ++count;
  }
  EXPECT_GE(count, 14);
}

// The settings of the documents' chapter on text classification.
TEST(FinetuneRecipes, DocumentsHaveTheirSettings) {
  const FinetuneRecipe r = read_finetune_recipe(recipes() / "classification-documents.toml");
  EXPECT_EQ(r.task, "classification");
  EXPECT_EQ(r.learning_rate, 2e-5);
  EXPECT_EQ(r.batch, 16);
  EXPECT_EQ(r.epochs, 5);
  EXPECT_EQ(r.max_tokens, 128);
}

}  // namespace
}  // namespace stemma::tasks
