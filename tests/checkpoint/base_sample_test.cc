#include "checkpoint/base_sample.h"

#include <gtest/gtest.h>

#include "device/stream.h"
#include "kernels/elementwise.h"
#include "models/family.h"
#include "nn/fresh_weights.h"
#include "tests/base/expect_error.h"

namespace stemma::checkpoint {
namespace {

ModelConfig small(const std::string& family) {
  ModelConfig c = family_named(family).defaults();
  c.vocab = 300;
  c.context = 32;
  c.channels = 36;
  c.heads = 3;
  c.layers = 3;
  c.hidden = family == "gpt1" ? 144 : 72;
  return c;
}

// The values of another source, rounded to bf16.
class Rounded final : public nn::WeightSource {
 public:
  explicit Rounded(nn::WeightSource& from) : from_(from) {}
  Weight load(const nn::ParameterSpec& spec) override {
    const Tensor value = from_.load(spec).value();
    const Tensor rounded = Tensor::empty(value.shape(), DType::bf16);
    Stream stream(1);
    kernels::convert(stream, value, rounded);
    stream.sync();
    return Weight(rounded);
  }

 private:
  nn::WeightSource& from_;
};

TEST(BaseSample, KnowsItsBaseAgain) {
  for (const char* family : {"gpt1", "gpt2", "bert", "llama"}) {
    const ModelConfig model = small(family);
    nn::FreshWeights base(1), other(2);
    const std::string sample = sample_of_base(base, model);
    EXPECT_TRUE(fits_base(sample, base, model)) << family;
    EXPECT_FALSE(fits_base(sample, other, model)) << family;
  }
}

TEST(BaseSample, IsTheSameInBf16) {
  const ModelConfig model = small("gpt2");
  nn::FreshWeights base(1);
  Rounded rounded(base);
  EXPECT_TRUE(fits_base(sample_of_base(base, model), rounded, model));
  EXPECT_TRUE(fits_base(sample_of_base(rounded, model), base, model));
}

// What AdamW changes in one step of 2e-5: 0.1 % of the norm of these weights.
class OneStepOn final : public nn::WeightSource {
 public:
  explicit OneStepOn(nn::WeightSource& from) : from_(from) {}
  Weight load(const nn::ParameterSpec& spec) override {
    const Tensor value = from_.load(spec).value();
    const Tensor moved = Tensor::empty(value.shape(), DType::f32);
    for (std::int64_t i = 0; i < value.elements(); ++i)
      moved.data<float>()[i] = value.data<float>()[i] + (i % 2 ? 2e-5f : -2e-5f);
    return Weight(moved);
  }

 private:
  nn::WeightSource& from_;
};

TEST(BaseSample, AFineTunedBaseIsAnother) {
  for (const char* family : {"gpt1", "gpt2", "bert", "llama"}) {
    const ModelConfig model = small(family);
    nn::FreshWeights base(1);
    OneStepOn tuned(base);
    EXPECT_FALSE(fits_base(sample_of_base(base, model), tuned, model)) << family;
  }
}

TEST(BaseSample, RefusesWhatIsNoSample) {
  const ModelConfig model = small("gpt2");
  nn::FreshWeights base(1);
  for (const char* text : {"", "{}", "[]", "{\"blocks.0.attention.qkv.weight\": [1, 2]}"})
    EXPECT_ERROR(fits_base(text, base, model), ErrorCode::corrupt, "");
}

}  // namespace
}  // namespace stemma::checkpoint
