// What a fine-tuning run needs, in a folder: a tiny BERT, sentences with one good or bad word, and
// a recipe of a few steps.
#pragma once

#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tasks/finetune_recipe.h"
#include "tests/data/support.h"

namespace stemma::tasks {

class SmallRun : public testing::Test {
 protected:
  SmallRun() {
    const std::filesystem::path fixture = STEMMA_SOURCE_DIR "/tests/golden/fixtures/bert-random";
    const std::filesystem::path model = folder_.path() / "model";
    std::filesystem::create_directories(model);
    for (const char* name : {"config.json", "model.safetensors"})
      std::filesystem::copy_file(fixture / name, model / name);
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfilm\nfine\nawful\n";
    for (char c = 'a'; c <= 'z'; ++c) vocabulary += fmt::format("{0}\n##{0}\n", c);
    folder_.write("model/vocab.txt", vocabulary);
    recipe_.model = model.string();
    recipe_.batch = 8;
    recipe_.precision = "f32";
    recipe_.threads = 1;
  }

  // A table of `count` rows of two labels in turns; no two tables have a text in common.
  std::string rows(const std::string& name, int count) const {
    std::string text = "text\tlabel\n";
    for (int i = 0; i < count; ++i)
      text += fmt::format("{} {} film {}\t{}\n", static_cast<char>('a' + i % 26),
                          i % 2 ? "fine" : "awful", name, i % 2 ? "good" : "bad");
    return folder_.write(name, text).string();
  }

  test::TemporaryFolder folder_;
  FinetuneRecipe recipe_;
};

}  // namespace stemma::tasks
