// Finite differences in f64 against the tape.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/philox.h"
#include "ops/tape.h"

namespace stemma::ops {

// Values that depend on the seed only, uniform in [-1, 1).
inline Tensor random_tensor(Shape shape, std::uint64_t seed, DType type = DType::f64) {
  Tensor t = Tensor::empty(shape, type);
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    const auto bits = philox(philox_key(seed), {static_cast<std::uint32_t>(i), 0, 0, 0});
    const double value = 2.0 * philox_uniform(bits[0]) - 1.0;
    if (type == DType::f64)
      t.data<double>()[i] = value;
    else
      t.data<float>()[i] = static_cast<float>(value);
  }
  return t;
}

inline double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.elements(); ++i) sum += a.data<double>()[i] * b.data<double>()[i];
  return sum;
}

// The operation under test as a function of its differentiable inputs.
using Operation = std::function<Tensor(Context&, const std::vector<Tensor>&)>;

// Checks d<w, f(inputs)>/d inputs for random w. Every second input is a parameter (gradients add to
// what is there, here 1), the others are variables of the tape (first writer sets).
inline void check_gradients(std::vector<Tensor> inputs, const Operation& f,
                            Recompute recompute = Recompute::none, Randomness randomness = {}) {
  Stream stream(2);
  Context ctx(stream, Numerics::f64());
  ctx.set_randomness(randomness);

  std::vector<Tensor> parameter_gradients;
  for (const Tensor& input : inputs) {
    Tensor ones = Tensor::empty(input.shape(), DType::f64);
    for (std::int64_t i = 0; i < ones.elements(); ++i) ones.data<double>()[i] = 1;
    parameter_gradients.push_back(ones);
  }
  Tape tape(ctx, parameter_gradients, recompute);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i % 2)
      inputs[i].set_variable(-1 - static_cast<std::int32_t>(i));
    else
      tape.input(inputs[i]);
  }
  ctx.set_tape(&tape);
  const Tensor y = f(ctx, inputs);
  const bool is_loss = y.elements() == 1;
  Tensor w = random_tensor(y.shape(), 99);
  if (is_loss) *w.data<double>() = 1;
  Tensor seed = Tensor::empty(y.shape(), DType::f64);
  std::copy_n(w.data<double>(), w.elements(), seed.data<double>());
  tape.backward(y, seed);
  ctx.set_tape(nullptr);

  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool parameter = i % 2 == 1;
    const Tensor gradient = parameter ? parameter_gradients[i] : tape.take_gradient(inputs[i]);
    ASSERT_TRUE(gradient) << "input " << i << " has no gradient";
    double* x = inputs[i].data<double>();
    for (std::int64_t j = 0; j < inputs[i].elements(); ++j) {
      const double saved = x[j], h = 1e-5;
      x[j] = saved + h;
      const double up = dot(f(ctx, inputs), w);
      x[j] = saved - h;
      const double down = dot(f(ctx, inputs), w);
      x[j] = saved;
      const double wanted = (up - down) / (2 * h);
      const double got = gradient.data<double>()[j] - (parameter ? 1 : 0);
      ASSERT_NEAR(got, wanted, 1e-7 * std::max(1.0, std::abs(wanted)))
          << "input " << i << " element " << j;
    }
  }
}

}  // namespace stemma::ops
