// Computes gradients: the tape records what a forward pass does and runs it backwards (reverse-mode
// differentiation, eager, over coarse operations).
//
// An operation computes its result at once and, where something below it is trainable, records a
// closure that turns the gradient of its output into gradients of its inputs. backward() runs the
// closures in reverse and destroys each after use, so activations are freed as it goes.
//
// A training step, with the losses of two heads on one trunk:
//
//   Tape tape(ctx);
//   tape.bind(parameters.storage(), parameters.gradient_tensors());
//   ctx.set_tape(&tape);
//   const Tensor h = model->forward({ctx, batch, state});
//   const Tensor task = classes.loss(ctx, h, ...), text = model->head().loss(ctx, h, ...);
//   tape.backward({task, text});  // adds to the gradients of the parameters
//   tape.reset();
//
// An operation:
//
//   if (Tape* tape = ctx.recording(x, gain))
//     tape->record("layer_norm", y, [x = tape->keep(x), ...](Gradients& g, const Tensor& dy) {
//       ...  // adds to the gradients of x and gain
//     });
//
// Losses are roots. A loss may compute its gradients in the forward pass, where it knows that its
// own gradient is 1; it says so with record_loss(), and takes weight and scale as arguments. Then
// backward() refuses everything that would make this gradient another number.
//
// Parameters belong to the tape that they were bound to. A parameter is known by its memory: all
// trainable values of one model lie in one storage, and bind() says where their gradients go. So
// several models can share a tape, and a parameter whose model was not bound is refused.
//
// First order only. Closures lie in a bump arena of the tape. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
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

// A differentiable input as a closure remembers it: identity and shape, without its memory.
struct InputRef {
  std::int32_t variable = 0;         // Tensor::variable()
  const Storage* storage = nullptr;  // an identity, never followed
  Shape shape;
  DType dtype = DType::f32;

  InputRef() = default;
  explicit InputRef(const Tensor& t)
      : variable(t.variable()), storage(t.storage().get()), shape(t.shape()), dtype(t.dtype()) {}
  // Whether something below it is trainable.
  explicit operator bool() const { return variable != 0; }
  kernels::GradientOut gradient(Gradients& g) const;
};

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
  explicit Tape(Context& ctx, Recompute recompute = Recompute::none);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  Recompute recompute() const { return recompute_; }

  // Makes the parameters whose values lie in `weights` this tape's own: gradients[i] receives the
  // gradient of the one with variable -1-i; it is always added to. One call for each model that is
  // trained (nn::Parameters); reset() keeps it. An empty gradient is not wanted and not computed.
  // The span must outlive the tape, which holds `weights`. Throws invalid_argument when the storage
  // is bound already.
  void bind(const StorageRef& weights, std::span<const Tensor> gradients);
  // Binds what `other` has bound: for a tape inside a closure (ops/checkpoint.h).
  void bind_as(const Tape& other);

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

  // The same for a loss y [1] f64, whose gradient is 1: the value that backward() starts from and
  // that nothing else may change. closure: void(Gradients&).
  template <class Closure>
  void record_loss(const char* operation, Tensor& y, Closure closure) {
    record(
        operation, y,
        [inner = std::move(closure)](Gradients& g, const Tensor& /*none*/) mutable { inner(g); });
    declare_loss();
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

  // A copy of `values` in the tape's own memory, there until reset(): for lists of a closure that
  // may not live as long as backward().
  template <class T>
  std::span<const T> keep_values(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (values.empty()) return {};
    T* const place = static_cast<T*>(allocate(values.size_bytes(), alignof(T)));
    std::uninitialized_copy(values.begin(), values.end(), place);
    return {place, values.size()};
  }

  // Whether an operation that consumes its input may write its result into the memory of `value`:
  // not where it is a parameter or an input of the tape, nor where a closure holds that memory.
  bool can_overwrite(const Tensor& value) const;

  // Runs all closures, newest first. The gradient of each root is 1 (in all elements, should it
  // have several). Once for each recording: reset() comes before the next.
  //
  // Throws invalid_argument, naming the operation, when a recorded loss is not among the roots or
  // when another operation has used one; when a parameter was not bound to this tape; when a root
  // is named twice. Throws internal when a root was not recorded here. Gradients of parameters may
  // be half done then: losses add to them in the forward pass.
  void backward(std::span<const Tensor> roots);
  void backward(std::initializer_list<Tensor> roots) {
    backward(std::span<const Tensor>(roots.begin(), roots.size()));
  }
  void backward(const Tensor& root) { backward(std::span<const Tensor>(&root, 1)); }
  // Starts from dy, the gradient of y, in f32 (f64): for a tape inside a closure. y is no loss.
  void backward(const Tensor& y, Tensor dy);

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
    bool loss;
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
    const Storage* storage = nullptr;  // of the value, an identity
    Tensor gradient;
    const char* loss = nullptr;  // the operation, where it is a loss
    std::int32_t recipe = -1;
    bool input = false;  // no operation made it
  };
  // The parameters of one model.
  struct Group {
    StorageRef weights;
    std::span<const Tensor> gradients;
  };

  void* allocate(std::size_t bytes, std::size_t alignment);
  void add_node(const char* operation, Tensor& y, void* closure, Run run, Destroy destroy);
  void add_recipe(const Tensor& y, void* closure, Make make, Destroy destroy);
  void declare_loss();
  Variable& variable_of(std::int32_t id) { return variables_[static_cast<std::size_t>(id) - 1]; }
  bool recorded(std::int32_t id, const Storage* storage) const;
  const Tensor& parameter_gradient(const InputRef& parameter) const;
  Variable& input_of(const InputRef& input);
  void require_root(const Tensor& y) const;
  void require_all_losses(std::span<const Tensor> roots) const;
  void run_closures();

  Context& ctx_;
  Recompute recompute_;
  std::vector<Group> groups_;
  const char* running_ = nullptr;  // the operation whose closure runs
  bool ran_ = false;               // backward() has destroyed the closures
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

  const Tape& tape() const { return tape_; }

  // Where to write the gradient of a recorded input: the first writer sets, later ones add;
  // parameters always add. Empty where nothing below is trainable. Asking counts as writing.
  // Throws invalid_argument for a parameter that was not bound to the tape and for the result of a
  // loss, internal for a value of another tape.
  kernels::GradientOut into(const InputRef& input);
  // Gives `dy` itself as (part of) the gradient: no copy when it is the first. The caller must not
  // use dy afterwards, nor pass it twice. Throws as into() does.
  void pass(const InputRef& input, const Tensor& dy);

  // The kept tensor, computed again where it was dropped.
  Tensor value(const Kept& kept);

 private:
  Tape& tape_;
};

inline kernels::GradientOut InputRef::gradient(Gradients& g) const { return g.into(*this); }

}  // namespace stemma::ops
