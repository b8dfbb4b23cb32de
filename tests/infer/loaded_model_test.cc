#include "infer/loaded_model.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/infer/model_folder.h"

namespace stemma::infer {
namespace {

// A user may name a tokenizer because the model's own is of a kind that nothing here reads.
TEST(LoadedModel, ANamedTokenizerNeedsNotTheModelsOwn) {
  const testing::ChainModel chain("abc");
  const auto folder = chain.model().path();
  const TemporaryFolder scratch;
  save_tokenizer(chain.model().tokenizer(), scratch / "bytes");
  std::ofstream(folder / "tokenizer.json") << R"({"model": {"type": "Unigram", "vocab": []}})";
  for (const char* other : {"vocab.json", "merges.txt"}) std::filesystem::remove(folder / other);
  EXPECT_ERROR(testing::open_f32(folder), ErrorCode::unsupported, "no pre_tokenizer");
  const LoadedModel model = LoadedModel::open({.path = folder,
                                               .precision = "f32",
                                               .weights = "f32",
                                               .tokenizer = scratch / "bytes",
                                               .threads = 1});
  EXPECT_EQ(model.tokenizer().vocab_size(), 257);
}

}  // namespace
}  // namespace stemma::infer
