#include "checkpoint/gguf_blocks.h"

#include <bit>

#include "checkpoint/gguf.h"
#include "tests/checkpoint/gguf_writer.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

// Every type's blocks against gguf-py's values, bit for bit: the products of the formulas are exact
// in f32 and the sum rounds once, so there is one right answer.
TEST(GgufBlocks, MatchGgufPyBitForBit) {
  const GgufReader file(gguf_fixture());
  int types = 0;
  for (const GgufTensor& blocks : file.tensors()) {
    const GgufTensor* values = file.find(blocks.name + ".values");
    if (!values) continue;
    SCOPED_TRACE(blocks.name);
    const Tensor got = file.read(blocks, Memory::own), wanted = file.read(*values, Memory::own);
    ASSERT_EQ(got.shape(), wanted.shape());
    for (std::int64_t i = 0; i < got.elements(); ++i)
      ASSERT_EQ(std::bit_cast<std::uint32_t>(got.data<float>()[i]),
                std::bit_cast<std::uint32_t>(wanted.data<float>()[i]))
          << i << ": " << got.data<float>()[i] << " instead of " << wanted.data<float>()[i];
    ++types;
  }
  EXPECT_EQ(types, 10);
  EXPECT_EQ(file.at("plain").shape, (Shape{2, 3, 4}));
}

TEST(GgufBlocks, TypesOfTheFormat) {
  EXPECT_EQ(readable_block_types(),
            "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K");
  EXPECT_EQ(block_type(12)->name, "Q4_K");
  EXPECT_EQ(block_type(12)->bytes, 144u);
  EXPECT_EQ(block_type(39)->name, "MXFP4");
  EXPECT_FALSE(block_type(39)->readable());
  EXPECT_EQ(block_type(4), nullptr);  // removed from ggml
  const std::string block(18, '\0');
  std::vector<float> values(64);
  expect_error(ErrorCode::unsupported, {"MXFP4", "Q6_K"},
               [&] { dequantise(*block_type(39), {}, {}); });
  expect_error(ErrorCode::internal, {"18 bytes of Q4_0", "64"},
               [&] { dequantise(*block_type(2), as_file(block), values); });
  expect_error(ErrorCode::internal, {"17 bytes"},
               [&] { dequantise(*block_type(2), as_file(block).first(17), {}); });
}

}  // namespace
}  // namespace stemma::checkpoint
