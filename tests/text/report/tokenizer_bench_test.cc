#include "text/report/tokenizer_bench.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/unicode/utf8.h"

namespace stemma::report {
namespace {

TEST(TokenizerBench, MedianLeastAndMost) {
  const Spread odd = spread_of({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 5);
  EXPECT_EQ(spread_of({4, 1, 2, 10}).median, 3);
  EXPECT_EQ(spread_of({7}).median, 7);
}

TEST(TokenizerBench, MeasuresEveryTextWithEveryTokenizer) {
  const std::string book = synthetic_text(20'000);
  const std::vector<BenchText> texts = {{"book", book}, {"short", "Hello world"}};
  const TemporaryFolder folder;
  const auto small =
      bpe::make_bpe_tokenizer(test::small_vocabulary({{"l", "l"}}), split::gpt2_splitter());
  small->save(folder.path());
  const std::vector<std::string> names = {folder.path(), folder / "tokenizer.json"};
  Workers workers(2);
  TokenizerBenchOptions options;
  options.runs = 3;
  options.workers = &workers;
  const std::vector<TokenizerRates> results = bench_tokenizers(names, texts, options);
  ASSERT_EQ(results.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(results[i].tokenizer, names[i]);
    EXPECT_GT(results[i].load_seconds.min, 0);
    ASSERT_EQ(results[i].texts.size(), 2u);
    EXPECT_EQ(results[i].texts[0].bytes, book.size());
    EXPECT_EQ(results[i].texts[1].tokens, 10u);
    for (const TextRates& r : results[i].texts)
      for (const Spread& s : {r.encode, r.decode, r.parallel, r.apart}) {
        EXPECT_GT(s.min, 0);
        EXPECT_LE(s.min, s.median);
        EXPECT_LE(s.median, s.max);
      }
  }
  options.workers = nullptr;
  EXPECT_EQ(bench_tokenizers(names, texts, options)[0].texts[0].parallel.median, 0);
  const std::vector<std::string> unknown = {"no such tokenizer"};
  EXPECT_THROW(bench_tokenizers(unknown, texts, options), Error);
}

TEST(TokenizerBench, HostileTextsAreWhatTheyAreCalled) {
  const std::vector<HostileText> texts = hostile_texts(100);
  ASSERT_EQ(texts.size(), 5u);
  EXPECT_EQ(texts[0].text, std::string(100'000, 'a'));
  EXPECT_EQ(texts[1].text, std::string(10'000, ' '));
  EXPECT_EQ(texts[2].text.size(), 40'000u);
  EXPECT_EQ(texts[3].text.size(), 10'000u);
  EXPECT_EQ(texts[3].text.find_first_of(" \n="), std::string::npos);
  EXPECT_NE(texts[4].text.find('\0'), std::string::npos);
  EXPECT_EQ(hostile_texts(100)[4].text, texts[4].text);
  EXPECT_EQ(synthetic_text(1234).size(), 1234u);
}

}  // namespace
}  // namespace stemma::report
