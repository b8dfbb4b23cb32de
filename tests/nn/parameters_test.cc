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
  Weight matrix(std::string_view, std::int64_t out, std::int64_t in, Init) override {
    return Weight(fill(Tensor::empty({out, in}, DType::f32)));
  }
  Tensor vector(std::string_view, std::int64_t size, Init) override {
    return fill(Tensor::empty({size}, DType::f32));
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
      : first(s, "first", 3, 5, Init::zeros()),
        norm(s, "norm", 3, 1e-5),
        second(s, "second", 7, 3, Init::zeros()) {}
  Linear first;
  Norm norm;
  Linear second;
};

struct Built {
  Built() : parameters([this](WeightSource& s) { model.emplace(s); }, source) {}
  Counting source;
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
    EXPECT_EQ(list[i].name, names[i]);
    EXPECT_EQ(list[i].value.shape(), shapes[i]) << names[i];
    EXPECT_EQ(list[i].gradient.shape(), shapes[i]) << names[i];
    EXPECT_EQ(list[i].offset, offsets[i]) << names[i];
    EXPECT_EQ(list[i].decays, i < 2) << names[i];
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
      if (p.name != name) continue;
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
    Weight matrix(std::string_view name, std::int64_t out, std::int64_t in, Init init) override {
      seen.push_back(inner_.matrix(name, out, in, init).value());
      return Weight(seen.back());
    }
    Tensor vector(std::string_view name, std::int64_t size, Init init) override {
      seen.push_back(inner_.vector(name, size, init));
      return seen.back();
    }
    std::vector<Tensor> seen;

   private:
    WeightSource& inner_;
  };
  Counting source;
  std::vector<Tensor> seen;
  const Parameters parameters(
      [&](WeightSource& s) {
        Watch watch(s);
        const Model model(watch);
        seen = watch.seen;
      },
      source);
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

TEST(Parameters, ErrorsOfTheSourcePass) {
  class Failing final : public WeightSource {
   public:
    Weight matrix(std::string_view name, std::int64_t, std::int64_t, Init) override {
      throw Error(ErrorCode::not_found, "no " + std::string(name));
    }
    Tensor vector(std::string_view, std::int64_t, Init) override { return {}; }
  };
  Failing source;
  EXPECT_ERROR(Parameters([](WeightSource& s) { Model model(s); }, source), ErrorCode::not_found,
               "no first.weight");
}

}  // namespace
}  // namespace stemma::nn
