#include "checkpoint/safetensors_writer.h"

#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

// The bytes, not our reader, are the reference: the header as the format's own writer has it but
// for the padding, then the rows.
TEST(SafetensorsWriter, WritesTheFormat) {
  const ScratchFolder scratch;
  const NamedTensor items[] = {{"a", counting({2, 3}, 1)}, {"b", counting({2}, 5), false}};
  write_safetensors(scratch / "f", items);
  std::string header = R"({"__metadata__":{"format": "pt"},)"
                       R"("a":{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},)"
                       R"("b":{"dtype": "F32", "shape": [2], "data_offsets": [24, 32]}})";
  while ((header.size() + 8) % 64) header += ' ';
  std::string expected = file_bytes(header, 0);
  for (const NamedTensor& item : items)
    expected.append(static_cast<const char*>(item.tensor.raw()),
                    static_cast<std::size_t>(item.tensor.elements()) * 4);
  EXPECT_EQ(get(scratch / "f"), expected);
}

TEST(SafetensorsWriter, RoundTripsShapesTypesStridesAndTransposes) {
  const ScratchFolder scratch;
  const Tensor wide = counting({5, 9}, 3);
  const Tensor big = counting({150, 70}, 0);  // more than one block of the transposition
  Tensor half = Tensor::zeros({3}, DType::bf16), whole = Tensor::zeros({2, 2}, DType::i32);
  Tensor twice = Tensor::zeros({1, 2, 3, 4}, DType::f64);
  half.data<bf16>()[1] = to_bf16(-3);
  whole.data<std::int32_t>()[3] = -7;
  twice.data<double>()[23] = 0.5;
  const std::vector<NamedTensor> items = {{"half", half},
                                          {"view", wide.columns(2, 6)},
                                          {"view transposed", wide.columns(2, 6), true},
                                          {"big", big, true},
                                          {"whole", whole},
                                          {"twice \"quoted\"\n", twice},
                                          {"scalar", counting({}, 8)},
                                          {"nothing", counting({0, 4}, 8)}};
  write_safetensors(scratch / "f", items, {{"format", "pt"}, {"note", "é"}});
  verify_safetensors(scratch / "f", items);

  const SafetensorsReader file(scratch / "f");
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}, {"note", "é"}}));
  const auto read = [&](std::string_view name) { return file.read(file.at(name), Memory::own); };
  EXPECT_EQ(read("half").data<float>()[1], -3);
  EXPECT_EQ(read("whole").data<float>()[3], -7);
  EXPECT_EQ(read("twice \"quoted\"\n").data<float>()[23], 0.5f);
  EXPECT_EQ(read("twice \"quoted\"\n").shape(), (Shape{1, 2, 3, 4}));
  EXPECT_EQ(read("scalar").shape(), Shape{});
  EXPECT_EQ(read("scalar").data<float>()[0], 8);
  EXPECT_EQ(read("nothing").shape(), (Shape{0, 4}));
  const Tensor view = read("view"), turned = read("view transposed"), big_turned = read("big");
  for (std::int64_t row = 0; row < 5; ++row)
    for (std::int64_t col = 0; col < 4; ++col) {
      const float value = 3 + static_cast<float>(row * 9 + col + 2) / 64;
      EXPECT_EQ(view.data<float>()[row * 4 + col], value);
      EXPECT_EQ(turned.data<float>()[col * 5 + row], value);
    }
  EXPECT_EQ(big_turned.shape(), (Shape{70, 150}));
  for (std::int64_t i = 0; i < 150 * 70; ++i)
    ASSERT_EQ(big_turned.data<float>()[i % 70 * 150 + i / 70], static_cast<float>(i) / 64);
  for (const StoredTensor& tensor : file.tensors())  // wider types first: all aligned
    EXPECT_EQ(tensor.begin_byte % (bits_of(tensor.type) / 8), 0u) << tensor.name;
}

TEST(SafetensorsWriter, VerifySeesOneChangedByte) {
  const ScratchFolder scratch;
  const std::vector<NamedTensor> items = {{"a", counting({4, 5}, 1), true},
                                          {"b", counting({3}, 2)}};
  write_safetensors(scratch / "f", items);
  std::string bytes = get(scratch / "f");
  const std::size_t data_bytes = (20 + 3) * 4;
  for (const auto& [back, name] :
       {std::pair<std::size_t, const char*>{1, "'b'"}, {data_bytes, "'a'"}}) {
    std::string changed = bytes;
    changed[changed.size() - back] ^= 1;
    put(scratch / "f", changed);
    expect_error(ErrorCode::device, {name, "differently"},
                 [&] { verify_safetensors(scratch / "f", items); });
  }
}

TEST(SafetensorsWriter, RefusesWhatCannotBeWritten) {
  const ScratchFolder scratch;
  const auto refuse = [&](const std::vector<NamedTensor>& items, const char* word) {
    expect_error(ErrorCode::invalid_argument, {word},
                 [&] { write_safetensors(scratch / "f", items); });
    EXPECT_TRUE(fs::is_empty(scratch.path()));
  };
  refuse({{"a", counting({1}, 0)}, {"a", counting({1}, 0)}}, "'a'");
  refuse({{"", counting({1}, 0)}}, "name");
  refuse({{"__metadata__", counting({1}, 0)}}, "__metadata__");
  refuse({{"a", Tensor()}}, "empty");
  refuse({{"a", counting({3}, 0), true}}, "matrix");
  expect_error(ErrorCode::device, {"missing"}, [&] {
    write_safetensors(scratch / "missing/f", std::vector<NamedTensor>{{"a", counting({1}, 0)}});
  });
}

}  // namespace
}  // namespace stemma::checkpoint
