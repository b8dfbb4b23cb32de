// Reverse-mode differentiation over coarse operations, eager.
//
// An operation computes its result at once and, where something below it is trainable, records a
// closure that turns the gradient of its output into gradients of its inputs. backward() runs the
// closures in reverse and destroys each after use, so activations are freed as it goes.
//
//   if (Tape* tape = ctx.recording(x, gain))
//     tape->record("layer_norm", y, [x = tape->keep(x), ...](Gradients& g, const Tensor& dy) { ...
//     });
//
// First order only. Closures lie in a bump arena of the tape. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/gradient_out.h"
#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

class Gradients;

// How much of the forward pass is thrown away and computed again in backward.
enum class Recompute : std::uint8_t {
  none = 0,         // keep everything
  activations = 1,  // drop norm and GELU outputs
  blocks = 2,       // keep the input of each block only
};

// A value that a closure will need: the tensor itself, or the recipe that makes it again.
class Kept {
 public:
  Kept() = default;

 private:
  friend class Tape;
  friend class Gradients;
  Tensor tensor_;
  std::int32_t recipe_ = -1;
};

// Bytes that the closures of one operation hold for backward.
struct TapeReportLine {
  std::string operation;
  std::int64_t count = 0;
  std::uint64_t bytes = 0;
};

class Tape {
 public:
  // parameter_gradients[i] receives the gradient of the parameter with variable -1-i; it is always
  // added to. The span must outlive the tape.
  Tape(Context& ctx, std::span<const Tensor> parameter_gradients,
       Recompute recompute = Recompute::none);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  Recompute recompute() const { return recompute_; }
  std::span<const Tensor> parameter_gradients() const { return parameter_gradients_; }

  // Makes `value` a variable without an operation behind it: its gradient stays readable after
  // backward() through take_gradient().
  void input(Tensor& value);
  Tensor take_gradient(const Tensor& input);

  // closure: void(Gradients&, const Tensor& dy), dy in f32 (f64) with y's shape.
  template <class Closure>
  void record(const char* operation, Tensor& y, Closure closure) {
    void* place = allocate(sizeof(Closure), alignof(Closure));
    new (place) Closure(std::move(closure));
    add_node(
        operation, y, place,
        [](void* c, Gradients& g, const Tensor& dy) { (*static_cast<Closure*>(c))(g, dy); },
        [](void* c) { static_cast<Closure*>(c)->~Closure(); });
  }

  // Says how y, the output just recorded, can be computed again; used from Recompute::activations
  // on. recipe: Tensor(Gradients&).
  template <class Recipe>
  void remake(const Tensor& y, Recipe recipe) {
    if (recompute_ == Recompute::none) return;
    void* place = allocate(sizeof(Recipe), alignof(Recipe));
    new (place) Recipe(std::move(recipe));
    add_recipe(
        y, place, [](void* c, Gradients& g) { return (*static_cast<Recipe*>(c))(g); },
        [](void* c) { static_cast<Recipe*>(c)->~Recipe(); });
  }

  // A value for a closure to hold; counted in report().
  Kept keep(const Tensor& value);

  // Whether an operation that consumes its input may write its result into the memory of `value`:
  // not where it is a parameter or an input of the tape, nor where a closure holds that memory.
  bool can_overwrite(const Tensor& value) const;

  // Runs all closures, newest first, starting from dy = gradient of y (empty: 1 for a loss [1]
  // f64). Throws internal when y was not recorded here.
  void backward(const Tensor& y, Tensor dy = {});

  // Forgets everything recorded, keeps the memory: for the next step.
  void reset();

  // What is held right now: call it between the forward pass and backward(). Most bytes first.
  std::vector<TapeReportLine> report() const;

 private:
  friend class Gradients;
  using Run = void (*)(void*, Gradients&, const Tensor&);
  using Make = Tensor (*)(void*, Gradients&);
  using Destroy = void (*)(void*);
  struct Node {
    const char* operation;
    void* closure;
    Run run;
    Destroy destroy;
    std::int32_t variable;
    std::uint64_t kept_bytes;
  };
  struct RecipeEntry {
    void* closure;
    Make make;
    Destroy destroy;
    Tensor made;
  };
  struct Block {
    std::unique_ptr<std::byte[]> data;
    std::size_t size = 0;
  };
  // The gradient of one variable and the recipe that remakes its value.
  struct Variable {
    Tensor gradient;
    std::int32_t recipe = -1;
    bool input = false;
  };

  void* allocate(std::size_t bytes, std::size_t alignment);
  void add_node(const char* operation, Tensor& y, void* closure, Run run, Destroy destroy);
  void add_recipe(const Tensor& y, void* closure, Make make, Destroy destroy);

  Context& ctx_;
  std::span<const Tensor> parameter_gradients_;
  Recompute recompute_;
  std::vector<Node> nodes_;
  std::vector<Variable> variables_;  // variable v at v - 1
  std::vector<RecipeEntry> recipes_;
  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;
  std::uint64_t pending_bytes_ = 0;
  std::unordered_set<const Storage*> counted_;
};

// What a closure sees while backward runs.
class Gradients {
 public:
  explicit Gradients(Tape& tape) : tape_(tape) {}

  Context& ctx() const { return tape_.ctx_; }
  Stream& stream() const { return tape_.ctx_.stream(); }

  // Where to write the gradient of a recorded input: the first writer sets, later ones add;
  // parameters always add. Empty where nothing below is trainable. Asking counts as writing.
  kernels::GradientOut into(std::int32_t variable, const Shape& shape, DType value_type);
  // Gives `dy` itself as (part of) the gradient: no copy when it is the first. The caller must not
  // use dy afterwards, nor pass it twice.
  void pass(std::int32_t variable, const Tensor& dy);
  bool wants(std::int32_t variable) const { return variable != 0; }

  // The kept tensor, computed again where it was dropped.
  Tensor value(const Kept& kept);

 private:
  Tape& tape_;
};

// A differentiable input as a closure remembers it: identity and shape, without its memory.
struct InputRef {
  std::int32_t variable = 0;
  Shape shape;
  DType dtype = DType::f32;

  InputRef() = default;
  explicit InputRef(const Tensor& t) : variable(t.variable()), shape(t.shape()), dtype(t.dtype()) {}
  kernels::GradientOut gradient(Gradients& g) const { return g.into(variable, shape, dtype); }
};

}  // namespace stemma::ops
