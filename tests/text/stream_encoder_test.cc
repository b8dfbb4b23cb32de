#include "text/stream_encoder.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma {
namespace {

using test::encode;
using test::Ids;

// Cuts texts into chunks of random sizes.
Ids encode_in_chunks(StreamEncoder& stream, std::string_view text, std::mt19937& random,
                     std::size_t largest) {
  Ids ids;
  while (!text.empty()) {
    const std::size_t size = std::min<std::size_t>(text.size(), random() % (largest + 1));
    stream.push(text.substr(0, size), ids);
    text.remove_prefix(size);
  }
  stream.finish(ids);
  return ids;
}

std::string mixed_text(std::mt19937& random, std::size_t bytes) {
  const std::vector<std::string> parts = {"the ",
                                          "quick",
                                          " brown",
                                          "\n\n",
                                          "  ",
                                          "don't",
                                          "12345",
                                          "\xE4\xBD\xA0",
                                          "\xEF\xBC\x8C",
                                          " \xC3",
                                          "\xFF",
                                          "\xF0\x9F",
                                          "'",
                                          "ll",
                                          "!?",
                                          "\r\n",
                                          std::string(1, '\0')};
  std::string text;
  while (text.size() < bytes) text += parts[random() % parts.size()];
  return text;
}

TEST(StreamEncoder, ChunksAndBlocksOfAnySizeGiveTheIdsOfTheWhole) {
  std::mt19937 random(1);
  for (const char* name : {"gpt2", "cl100k_base", "o200k_base"}) {
    const auto tokenizer = tokenizer_files::published_tokenizer(name);
    for (const std::size_t block : {1, 16, 300, 20'000})
      for (const std::size_t largest : {3, 1000, 1'000'000}) {
        const std::string text = mixed_text(random, 50'000);
        StreamEncoder stream(*tokenizer, {.block_bytes = block});
        ASSERT_TRUE(encode_in_chunks(stream, text, random, largest) == encode(*tokenizer, text))
            << name << ", blocks of " << block << ", chunks up to " << largest;
      }
  }
}

TEST(StreamEncoder, ThreadsGiveTheSameIds) {
  std::mt19937 random(2);
  const auto tokenizer = tokenizer_files::published_tokenizer("cl100k_base");
  const std::string text = mixed_text(random, 3 << 20);
  Workers workers(2);
  StreamEncoder stream(*tokenizer, {.block_bytes = 1 << 20, .workers = &workers});
  EXPECT_TRUE(encode_in_chunks(stream, text, random, 1 << 20) == encode(*tokenizer, text));
}

// A tokenizer that knows no boundaries.
class WithoutBoundaries final : public Tokenizer {
 public:
  std::int32_t vocab_size() const override { return inner_->vocab_size(); }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    inner_->encode(text, ids);
  }
  std::string_view bytes_of(std::int32_t id) const override { return inner_->bytes_of(id); }
  const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const override {
    return inner_->special_tokens();
  }
  std::optional<std::int32_t> end_of_text() const override { return inner_->end_of_text(); }
  void save(const std::filesystem::path& folder) const override { inner_->save(folder); }

 private:
  std::shared_ptr<const Tokenizer> inner_ = tokenizer_files::published_tokenizer("gpt2");
};

TEST(StreamEncoder, WithoutBoundariesTheTextIsEncodedAtItsEnd) {
  const WithoutBoundaries tokenizer;
  StreamEncoder stream(tokenizer, {.block_bytes = 1});
  Ids ids;
  for (const char* chunk : {"Hel", "lo wor", "ld"}) stream.push(chunk, ids);
  EXPECT_TRUE(ids.empty());
  stream.finish(ids);
  EXPECT_EQ(ids, (Ids{15496, 995}));
}

TEST(StreamEncoder, AnEmptyTextHasNoIds) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  StreamEncoder stream(*tokenizer);
  Ids ids;
  stream.push("", ids);
  stream.finish(ids);
  EXPECT_TRUE(ids.empty());
  stream.push("Hello", ids);
  stream.finish(ids);
  stream.push(" world", ids);  // another text
  stream.finish(ids);
  EXPECT_EQ(ids, (Ids{15496, 995}));
}

TEST(StreamEncoder, HoldsNoMoreThanABlock) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  StreamEncoder stream(*tokenizer, {.block_bytes = 10'000});
  Ids ids;
  std::size_t largest = 0;
  for (int i = 0; i < 10'000; ++i) {
    stream.push("words and ", ids);
    largest = std::max(largest, stream.pending_bytes());
  }
  EXPECT_LE(largest, 10'000u);
  EXPECT_GT(ids.size(), 18'000u);
}

// One word without end, byte by byte: what is held back is looked at again only when it has
// doubled. Looked at after each push, these are 10^12 bytes.
TEST(StreamEncoder, AWordWithoutEndTakesLinearTime) {
  const auto tokenizer = tokenizer_files::published_tokenizer("cl100k_base");
  const std::size_t size = 1'500'000;
  StreamEncoder stream(*tokenizer, {.block_bytes = 1});
  Ids ids;
  for (std::size_t i = 0; i < size; ++i) stream.push("a", ids);
  EXPECT_TRUE(ids.empty());
  stream.finish(ids);
  EXPECT_TRUE(ids == encode(*tokenizer, std::string(size, 'a')));
}

}  // namespace
}  // namespace stemma
