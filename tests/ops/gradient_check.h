// Finite differences in f64 against the tape.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
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
// The same with several results.
using Operations = std::function<std::vector<Tensor>(Context&, const std::vector<Tensor>&)>;

// Inputs on a tape: every second is a parameter (gradients add to what is there, here 1), the
// others are variables of the tape (first writer sets).
class InputsOnTape {
 public:
  InputsOnTape(Tape& tape, std::vector<Tensor>& inputs) : tape_(tape), inputs_(inputs) {
    for (const Tensor& input : inputs) {
      Tensor ones = Tensor::empty(input.shape(), DType::f64);
      for (std::int64_t i = 0; i < ones.elements(); ++i) ones.data<double>()[i] = 1;
      parameter_gradients_.push_back(ones);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (is_parameter(i)) {
        inputs[i].set_variable(-1);
        tape.bind(inputs[i].storage(), std::span<const Tensor>(&parameter_gradients_[i], 1));
      } else {
        tape.input(inputs[i]);
      }
    }
  }

  // After backward(): each gradient against central differences of value().
  void expect_gradients_of(const std::function<double()>& value) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Tensor gradient =
          is_parameter(i) ? parameter_gradients_[i] : tape_.take_gradient(inputs_[i]);
      ASSERT_TRUE(gradient) << "input " << i << " has no gradient";
      double* x = inputs_[i].data<double>();
      for (std::int64_t j = 0; j < inputs_[i].elements(); ++j) {
        const double saved = x[j], h = 1e-5;
        x[j] = saved + h;
        const double up = value();
        x[j] = saved - h;
        const double down = value();
        x[j] = saved;
        const double wanted = (up - down) / (2 * h);
        const double got = gradient.data<double>()[j] - (is_parameter(i) ? 1 : 0);
        ASSERT_NEAR(got, wanted, 1e-7 * std::max(1.0, std::abs(wanted)))
            << "input " << i << " element " << j;
      }
    }
  }

 private:
  static bool is_parameter(std::size_t i) { return i % 2 == 1; }
  Tape& tape_;
  std::vector<Tensor>& inputs_;
  std::vector<Tensor> parameter_gradients_;
};

// Checks d<w, f(inputs)>/d inputs for random w (1 for a loss).
inline void check_gradients(std::vector<Tensor> inputs, const Operation& f,
                            Recompute recompute = Recompute::none, Randomness randomness = {}) {
  Stream stream(2);
  Context ctx(stream, Numerics::f64());
  ctx.set_randomness(randomness);
  Tape tape(ctx, recompute);
  InputsOnTape on_tape(tape, inputs);
  ctx.set_tape(&tape);
  const Tensor y = f(ctx, inputs);
  const bool is_loss = y.elements() == 1;
  Tensor w = random_tensor(y.shape(), 99);
  if (is_loss) *w.data<double>() = 1;
  Tensor seed = Tensor::empty(y.shape(), DType::f64);
  std::copy_n(w.data<double>(), w.elements(), seed.data<double>());
  if (is_loss)
    tape.backward(y);
  else
    tape.backward(y, seed);
  ctx.set_tape(nullptr);
  on_tape.expect_gradients_of([&] { return dot(f(ctx, inputs), w); });
}

// Checks d(sum of all elements of all results)/d inputs, all results being roots of one backward().
inline void check_roots(std::vector<Tensor> inputs, const Operations& f,
                        Recompute recompute = Recompute::none) {
  Stream stream(2);
  Context ctx(stream, Numerics::f64());
  Tape tape(ctx, recompute);
  InputsOnTape on_tape(tape, inputs);
  ctx.set_tape(&tape);
  tape.backward(f(ctx, inputs));
  ctx.set_tape(nullptr);
  on_tape.expect_gradients_of([&] {
    double sum = 0;
    for (const Tensor& y : f(ctx, inputs))
      for (std::int64_t i = 0; i < y.elements(); ++i) sum += y.data<double>()[i];
    return sum;
  });
}

}  // namespace stemma::ops
