#include "text/offsets.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma {
namespace {

using test::encode;
using test::Ids;

TEST(Offsets, AreThePlacesOfTheTokensInBytes) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  EXPECT_EQ(byte_ranges(*tokenizer, encode(*tokenizer, "Hello world")),
            (std::vector<ByteRange>{{0, 5}, {5, 11}}));
  EXPECT_TRUE(byte_ranges(*tokenizer, {}).empty());
}

TEST(Offsets, CoverAnyBytesWithoutGaps) {
  const auto tokenizer = tokenizer_files::published_tokenizer("o200k_base");
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    const std::string text = test::random_bytes(random, random() % 300);
    const Ids ids = encode(*tokenizer, text);
    const auto ranges = byte_ranges(*tokenizer, ids);
    ASSERT_EQ(ranges.size(), ids.size());
    std::uint64_t place = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ASSERT_EQ(ranges[i].begin, place);
      ASSERT_EQ(text.substr(place, ranges[i].end - place), tokenizer->bytes_of(ids[i]));
      place = ranges[i].end;
    }
    ASSERT_EQ(place, text.size());
  }
}

TEST(Offsets, RefuseIdsThatAreNone) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  EXPECT_ERROR(byte_ranges(*tokenizer, Ids{50257}), ErrorCode::invalid_argument, "50257");
}

}  // namespace
}  // namespace stemma
