#include "text/stream_decoder.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma {
namespace {

TEST(StreamDecoder, GivesWholeCharactersOnly) {
  const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  const std::string llama = "\xF0\x9F\xA6\x99";
  const auto ids = test::encode(*tokenizer, "a" + llama + "b\xF0\x9F");
  ASSERT_GT(ids.size(), 5u);  // gpt2 has no token for the whole character
  StreamDecoder stream(*tokenizer);
  std::string text;
  for (const std::int32_t id : ids) {
    const std::string piece = stream.push(id);
    EXPECT_TRUE(piece.empty() || piece == "a" || piece == llama || piece == "b") << piece;
    text += piece;
  }
  EXPECT_EQ(text, "a" + llama + "b");
  EXPECT_EQ(stream.finish(), "\xF0\x9F");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_ERROR(stream.push(50257), ErrorCode::invalid_argument, "50257");
}

}  // namespace
}  // namespace stemma
