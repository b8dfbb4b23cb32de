#include "checkpoint/gguf.h"

#include "tests/checkpoint/gguf_writer.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

TEST(GgufReader, ReadsBytesAsTheyLieOrAsF32) {
  const ScratchFolder scratch;
  GgufBytes file;
  file.tensor("f32", {2, 2}, kF32Type, 0)
      .tensor("bf16", {2}, kBf16Type, 32)
      .tensor("f16", {2}, kF16Type, 64)
      .tensor("i32", {1}, kI32Type, 96);
  file.data = little(1.0f) + little(2.0f) + little(3.0f) + little(4.0f);
  file.data.resize(32);
  file.data += u32(0xC0403F80);  // 1, -3
  file.data.resize(64);
  file.data += u32(0xC0003C00);  // 1, -2
  file.data.resize(96);
  file.data += u32(7);
  put(scratch / "m.gguf", file.bytes());

  Tensor shared, bf16_shared;
  {
    const GgufReader reader(scratch / "m.gguf");
    shared = reader.read(reader.at("f32"), Memory::shared);
    EXPECT_EQ(static_cast<const void*>(reader.bytes(reader.at("f32")).data()), shared.raw());
    bf16_shared = reader.read(reader.at("bf16"), Memory::shared);
    EXPECT_EQ(static_cast<const void*>(reader.bytes(reader.at("bf16")).data()), bf16_shared.raw());
    const Tensor own = reader.read(reader.at("f32"), Memory::own);
    EXPECT_NE(own.raw(), shared.raw());
    EXPECT_TRUE(same_tensor(own, shared));
    EXPECT_EQ(reader.read(reader.at("bf16"), Memory::own).data<float>()[1], -3.0f);
    EXPECT_EQ(to_float(reader.read(reader.at("f16"), Memory::shared).data<f16>()[1]), -2.0f);
    EXPECT_EQ(reader.read(reader.at("f16"), Memory::own).data<float>()[1], -2.0f);
    EXPECT_EQ(reader.find("none"), nullptr);
    expect_error(ErrorCode::not_found, {"m.gguf", "'none'"}, [&] { reader.at("none"); });
    expect_error(ErrorCode::unsupported, {"m.gguf", "'i32'", "I32", "BF16, Q8_0, Q4_0"},
                 [&] { reader.read(reader.at("i32"), Memory::own); });
  }
  // The mapping lives as long as the tensors.
  EXPECT_EQ(shared.shape(), (Shape{2, 2}));
  EXPECT_EQ(shared.data<float>()[3], 4.0f);
  EXPECT_EQ(bf16_shared.dtype(), DType::bf16);
  EXPECT_EQ(to_float(bf16_shared.data<bf16>()[1]), -3.0f);
}

TEST(GgufReader, ReadsUnalignedTensors) {
  const ScratchFolder scratch;
  GgufBytes file;
  file.alignment = 1;
  file.key("general.alignment", kU32, u32(1))
      .tensor("odd", {1}, kF32Type, 1)
      .tensor("even", {1}, kF32Type, 6)
      .tensor("b_odd", {1}, kBf16Type, 11)
      .tensor("b_even", {1}, kBf16Type, 14);
  file.data = "x" + little(2.5f) + "x" + little(3.5f) + "x" + little<std::uint16_t>(0x3F80) + "x" +
              little<std::uint16_t>(0x3F80);
  put(scratch / "m.gguf", file.bytes());
  const GgufReader reader(scratch / "m.gguf");
  EXPECT_EQ(reader.read(reader.at("odd"), Memory::shared).data<float>()[0], 2.5f);
  EXPECT_EQ(reader.read(reader.at("even"), Memory::shared).data<float>()[0], 3.5f);
  for (const char* name : {"b_odd", "b_even"})
    EXPECT_EQ(to_float(reader.read(reader.at(name), Memory::shared).data<bf16>()[0]), 1.0f);
}

TEST(GgufReader, MissingFiles) {
  const ScratchFolder scratch;
  expect_error(ErrorCode::not_found, {"none.gguf"}, [&] { GgufReader(scratch / "none.gguf"); });
  put(scratch / "empty.gguf", "");
  expect_error(ErrorCode::corrupt, {"empty.gguf"}, [&] { GgufReader(scratch / "empty.gguf"); });
}

}  // namespace
}  // namespace stemma::checkpoint
