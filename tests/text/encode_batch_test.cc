#include "text/encode_batch.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma {
namespace {

using test::encode;
using test::Ids;

TEST(EncodeBatch, EachTextHasItsIds) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  const std::vector<std::string_view> texts = {"Hello world", "", "Hello", " world"};
  for (const int threads : {1, 3}) {
    Workers workers(threads);
    EXPECT_EQ(encode_batch(*tokenizer, texts, workers),
              (std::vector<Ids>{{15496, 995}, {}, {15496}, {995}}));
  }
  Workers workers(2);
  EXPECT_TRUE(encode_batch(*tokenizer, {}, workers).empty());
}

TEST(EncodeParallel, OneTextHasTheSameIdsOnAnyNumberOfThreads) {
  std::mt19937 random(3);
  const std::vector<std::string> parts = {"the ", " tree", "\n\n",   "  ",   "don't", "1234",
                                          "\xFF", "!?",    "\r\n\t", "ABc'", "中文",  "，"};
  // Words, and long stretches without a boundary between them.
  std::string text = test::random_text(random, parts, 100'000);
  text += std::string(300'000, 'a') + test::random_text(random, parts, 30'000);
  text += std::string(400'000, ' ');
  for (const char* name : {"gpt2", "cl100k_base", "o200k_base"}) {
    const auto tokenizer = tokenizer_files::published_tokenizer(name);
    Ids whole = {1, 2, 3};  // what was there before stays
    tokenizer->encode(text, whole);
    for (const int threads : {1, 3}) {
      Workers workers(threads);
      Ids ids = {1, 2, 3};
      encode_parallel(*tokenizer, text, workers, ids);
      ASSERT_TRUE(ids == whole) << name << " on " << threads;
    }
  }
}

TEST(EncodeParallel, AWordWithoutEndIsOnePart) {
  const auto tokenizer = tokenizer_files::published_tokenizer("cl100k_base");
  const std::string text(2'000'000, 'a');
  Workers workers(2);
  Ids ids;
  encode_parallel(*tokenizer, text, workers, ids);
  EXPECT_TRUE(ids == encode(*tokenizer, text));
}

}  // namespace
}  // namespace stemma
