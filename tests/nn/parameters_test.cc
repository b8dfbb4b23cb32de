#include "nn/parameters.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "nn/linear.h"
#include "nn/norm.h"
#include "tests/base/expect_error.h"

namespace stemma::nn {
namespace {

// Element i of what was asked for n-th is 100 n + i.
class Counting final : public WeightSource {
 public:
  Weight load(const ParameterSpec& spec) override {
    return Weight(fill(Tensor::empty(spec.shape, DType::f32)));
  }

 private:
  Tensor fill(Tensor t) {
    for (std::int64_t i = 0; i < t.elements(); ++i)
      t.data<float>()[i] = static_cast<float>(100 * asked_ + i);
    ++asked_;
    return t;
  }
  int asked_ = 0;
};

// Two layers with a norm between them, sizes that are no multiple of a cache line.
struct Model {
  explicit Model(WeightSource& s)
      : first(s, "first", {.out = 3, .in = 5, .parts = {}}, Init::zeros()),
        norm(s, "norm", 3, 1e-5),
        second(s, "second", {.out = 7, .in = 3, .parts = {}}, Init::zeros()) {}
  Linear first;
  LayerNorm norm;
  Linear second;
};

struct Built {
  Built() : parameters([this](WeightSource& s) { model.emplace(s); }, source, stream) {}
  Counting source;
  Stream stream{1};
  std::optional<Model> model;
  Parameters parameters;
};

TEST(Parameters, MatricesFirstThenVectorsInTheOrderOfTheModel) {
  const Built built;
  const auto& list = built.parameters.list();
  const std::vector<std::string> names = {"first.weight", "second.weight", "first.bias",
                                          "norm.gain",    "norm.bias",     "second.bias"};
  const std::vector<Shape> shapes = {{3, 5}, {7, 3}, {3}, {3}, {3}, {7}};
  const std::vector<std::int64_t> offsets = {0, 16, 48, 64, 80, 96};  // 15 and 21 elements, padded
  ASSERT_EQ(list.size(), names.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(list[i].spec.name, names[i]);
    EXPECT_EQ(list[i].value.shape(), shapes[i]) << names[i];
    EXPECT_EQ(list[i].gradient.shape(), shapes[i]) << names[i];
    EXPECT_EQ(list[i].offset, offsets[i]) << names[i];
    EXPECT_EQ(list[i].spec.decays(), i < 2) << names[i];
  }
  EXPECT_EQ(built.parameters.decaying_elements(), 48);
  EXPECT_EQ(built.parameters.weights().size(), 112u);
  EXPECT_EQ(built.parameters.gradients().size(), 112u);
}

TEST(Parameters, ValuesComeFromTheSourceAndLieInFlatMemory) {
  const Built built;
  // The order in which the model asks: first.weight, first.bias, norm.gain, norm.bias, second.*.
  const std::vector<std::pair<std::string, int>> asked = {{"first.weight", 0},  {"first.bias", 1},
                                                          {"norm.gain", 2},     {"norm.bias", 3},
                                                          {"second.weight", 4}, {"second.bias", 5}};
  const std::span<float> weights = built.parameters.weights();
  std::vector<bool> used(weights.size());
  for (const auto& [name, number] : asked)
    for (const Parameter& p : built.parameters.list()) {
      if (p.spec.name != name) continue;
      EXPECT_EQ(p.value.data<float>(), weights.data() + p.offset);
      EXPECT_EQ(p.gradient.data<float>(), built.parameters.gradients().data() + p.offset);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p.value.raw()) % 64, 0u) << name;
      for (std::int64_t i = 0; i < p.value.elements(); ++i) {
        EXPECT_EQ(p.value.data<float>()[i], static_cast<float>(100 * number + i)) << name;
        used[static_cast<std::size_t>(p.offset + i)] = true;
      }
    }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (used[i]) continue;
    EXPECT_EQ(weights[i], 0.0f) << "padding at " << i;
  }
  for (const float g : built.parameters.gradients()) EXPECT_EQ(g, 0.0f);
}

// The model that was built reads the flat memory, and its parameters are variables.
TEST(Parameters, TheModelUsesThem) {
  class Watch final : public WeightSource {
   public:
    explicit Watch(WeightSource& inner) : inner_(inner) {}
    Weight load(const ParameterSpec& spec) override {
      Weight weight = inner_.load(spec);
      if (weight) seen.push_back(weight.value());
      return weight;
    }
    std::vector<Tensor> seen;

   private:
    WeightSource& inner_;
  };
  Counting source;
  Stream stream(1);
  std::vector<Tensor> seen;
  const Parameters parameters(
      [&](WeightSource& s) {
        Watch watch(s);
        const Model model(watch);
        seen = watch.seen;
      },
      source, stream);
  const std::vector<int> index = {0, 2, 3, 4, 1, 5};  // place in list() of the n-th asked for
  ASSERT_EQ(seen.size(), index.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const Parameter& p = parameters.list()[static_cast<std::size_t>(index[i])];
    EXPECT_EQ(seen[i].raw(), p.value.raw());
    EXPECT_EQ(seen[i].variable(), -1 - index[i]);
    EXPECT_EQ(parameters.gradient_tensors()[static_cast<std::size_t>(index[i])].raw(),
              p.gradient.raw());
  }
}

// What is frozen comes as its source stores it, is no variable, and takes no flat memory.
TEST(Parameters, FrozenParametersPassThrough) {
  class Narrow final : public WeightSource {
   public:
    Weight load(const ParameterSpec& spec) override {
      return Weight(Tensor::zeros(spec.shape, DType::bf16));
    }
  };
  Narrow source;
  Stream stream(1);
  std::optional<Model> model;
  const Parameters parameters([&](WeightSource& s) { model.emplace(s); }, source, stream,
                              [](std::string_view name) { return name.starts_with("second."); });
  ASSERT_EQ(parameters.list().size(), 2u);
  EXPECT_EQ(parameters.list()[0].spec.name, "second.weight");
  EXPECT_EQ(parameters.list()[1].spec.name, "second.bias");
  EXPECT_EQ(parameters.weights().size(), 48u);
  EXPECT_EQ(parameters.decaying_elements(), 32);
  ASSERT_EQ(parameters.frozen().size(), 4u);
  for (const auto& [spec, weight] : parameters.frozen()) {
    EXPECT_EQ(weight.dtype(), DType::bf16) << spec.name;
    EXPECT_EQ(weight.value().variable(), 0) << spec.name;
  }
}

TEST(Parameters, ASurveyAsksForNoMemory) {
  const auto specs = survey([](WeightSource& s) {
    Linear(s, "huge", {.out = 1 << 24, .in = 1 << 24, .parts = {{"a", 1 << 24, 4}}}, Init::zeros());
  });
  ASSERT_EQ(specs.size(), 2u);
  EXPECT_EQ(specs[0].elements(), std::int64_t{1} << 48);
  EXPECT_EQ(specs[0].parts.front().heads, 4);
  EXPECT_TRUE(specs[0].decays());
  EXPECT_FALSE(specs[1].decays());
}

TEST(Parameters, ErrorsOfTheSourcePass) {
  class Failing final : public WeightSource {
   public:
    Weight load(const ParameterSpec& spec) override {
      throw Error(ErrorCode::not_found, "no " + spec.name);
    }
  };
  Failing source;
  Stream stream(1);
  EXPECT_ERROR(Parameters([](WeightSource& s) { Model model(s); }, source, stream),
               ErrorCode::not_found, "no first.weight");
}

}  // namespace
}  // namespace stemma::nn
