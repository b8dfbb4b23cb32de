// What every operation and every part of a model gets as its first argument: where to run (stream),
// what to compute in (numerics), where memory comes from, whether to record for a backward pass
// (tape), and whether dropout draws.
//
//   ops::Context ctx(stream, numerics_named("auto", stream.device()));
//   const Tensor y = ops::linear(ctx, x, weight, bias);
#pragma once

#include <cstdint>
#include <string_view>

#include "base/philox.h"
#include "device/memory.h"
#include "device/stream.h"
#include "kernels/matmul.h"
#include "tensor/tensor.h"

namespace stemma::ops {

class Tape;

// Two decisions: what products multiply in, and the type of activations between operations. The
// residual stream is f32 (f64 in gradient tests); reductions and master weights are f32.
struct Numerics {
  kernels::Multiply multiply = kernels::Multiply::f32;
  DType activations = DType::f32;  // f32, bf16, or f64 (tests)
  DType stream = DType::f32;       // the residual stream: f64 where activations are
  DType cache = DType::f32;        // keys and values that are kept: as activations, or bf16

  static Numerics f32() { return {}; }
  static Numerics bf16() { return {kernels::Multiply::bf16, DType::bf16, DType::f32, DType::bf16}; }
  static Numerics f64() { return {kernels::Multiply::f32, DType::f64, DType::f64, DType::f64}; }
};

// f32, bf16, or auto: what products on this device prefer (kernels::preferred_multiply). Throws
// invalid_argument for another name.
//   Context ctx(stream, numerics_named("auto", stream.device()));
Numerics numerics_named(std::string_view precision, Device device);

// Sees every intermediate value, in order: a profiler, golden tests. `name` says what it is:
// "layer_norm", "linear", "gelu", "residual", "attention_scores", ... An observed pass runs the
// reference kernels where only they have the intermediate.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void observe(std::string_view name, const Tensor& value) = 0;
};

// Where random numbers come from: a pure function of seed, step and site (kernels/elementwise.h).
struct Randomness {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  bool dropout = false;  // training: draw masks
  // The key of one place in the model where masks are drawn.
  PhiloxKey key(std::uint32_t site) const {
    return philox_key(seed + site * 0x9E3779B97F4A7C15ull);
  }
};

class Context {
 public:
  explicit Context(Stream& stream, Numerics numerics = {}, Allocator& memory = heap())
      : stream_(&stream), memory_(&memory), numerics_(numerics) {}

  Stream& stream() const { return *stream_; }
  Allocator& memory() const { return *memory_; }
  const Numerics& numerics() const { return numerics_; }
  Tape* tape() const { return tape_; }
  const Randomness& randomness() const { return randomness_; }
  // Whether dropout is on: a training pass. (Evaluation runs without, tape or not.)
  bool training() const { return randomness_.dropout; }

  void set_tape(Tape* tape) { tape_ = tape; }
  void set_randomness(Randomness randomness) { randomness_ = randomness; }
  void set_observer(Observer* observer) { observer_ = observer; }

  // The tape, when it is there and something below one of `inputs` is trainable; otherwise null.
  template <class... Tensors>
  Tape* recording(const Tensors&... inputs) const {
    if (((inputs.variable() == 0) && ...)) return nullptr;
    if (trainable_) *trainable_ = true;
    return tape_;
  }
  // `seen` becomes true when an operation has a trainable input, tape or not (ops/checkpoint.h).
  // Null: nobody asks.
  void note_trainable(bool* seen) { trainable_ = seen; }

  Tensor empty(Shape shape, DType type) const { return Tensor::empty(shape, type, *memory_); }

  bool observed() const { return observer_ != nullptr; }
  void observe(std::string_view name, const Tensor& value) const {
    if (observer_) observer_->observe(name, value);
  }

 private:
  Stream* stream_;
  Allocator* memory_;
  Tape* tape_ = nullptr;
  Observer* observer_ = nullptr;
  bool* trainable_ = nullptr;
  Numerics numerics_;
  Randomness randomness_;
};

// For operations without a gradient: throws unsupported when a tape would have to record them.
void inference_only(const Context& ctx, std::string_view operation, const Tensor& input);

}  // namespace stemma::ops
