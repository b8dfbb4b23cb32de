#include "ops/linear.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/elementwise.h"
#include "kernels/matmul.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

using kernels::Activation;
using kernels::MatmulArgs;

// dx = dy · W, W in any layout and encoding.
void input_gradient(Gradients& g, const Tensor& dy, const Weight& weight,
                    const kernels::GradientOut& dx) {
  if (!dx) return;
  MatmulArgs args;
  set_output(args, dx.tensor, dx.add);
  args.k = weight.out();
  args.a = kernels::rows_of(dy);
  args.b = kernels::rows_of(weight);
  args.multiply = g.ctx().numerics().multiply;
  kernels::matmul(g.stream(), args);
}

// dW = dyᵀ · x
void weight_gradient(Gradients& g, const Tensor& dy, const Kept& x,
                     const kernels::GradientOut& dw) {
  if (!dw) return;
  const Tensor input = g.value(x);
  MatmulArgs args;
  set_output(args, dw.tensor, dw.add);
  args.k = dy.rows();
  args.a = kernels::transposed_of(dy);
  args.b = kernels::rows_of(input);
  args.multiply = g.ctx().numerics().multiply;
  kernels::matmul(g.stream(), args);
}

// What an observer knows an activation as.
const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      break;
    case Activation::gelu_tanh:
    case Activation::gelu_erf:
      return "gelu";
    case Activation::relu:
      return "relu";
    case Activation::silu:
      return "silu";
    case Activation::quick_gelu:
      return "quick_gelu";
    case Activation::tanh:
      return "tanh";
  }
  return "none";
}

// With an observer every step of the fusion is shown, computed as the kernels' epilogue does.
void observe_steps(Context& ctx, const LinearOptions& options, const Tensor& pre, const Tensor& y) {
  ctx.observe("linear", pre);
  if (options.activation != Activation::none) ctx.observe(name_of(options.activation), y);
  if (options.residual) ctx.observe("residual", y);
}

}  // namespace

Tensor linear(Context& ctx, const Tensor& x, const Weight& weight, const Tensor& bias,
              const LinearOptions& options) {
  check_shape("linear", "x", x, {x.rows(), weight.in()});
  if (bias) check_shape("linear", "bias", bias, {weight.out()});
  if (options.residual)
    check_shape("linear", "residual", options.residual, {x.rows(), weight.out()});

  Tape* tape = ctx.recording(x, weight.value(), bias, options.residual);
  if (tape) check_trainable("linear", weight);
  const bool on_stream = options.stream || options.residual;
  Tensor y = ctx.empty({x.rows(), weight.out()},
                       on_stream ? ctx.numerics().stream : ctx.numerics().activations);
  const bool activated = options.activation != Activation::none;
  Tensor pre;
  if ((activated && tape) || ctx.observed()) pre = ctx.empty(y.shape(), y.dtype());

  MatmulArgs args;
  set_output(args, y, false);
  args.k = weight.in();
  args.a = kernels::rows_of(x);
  args.b = kernels::transposed_of(weight);
  set_bias(args, bias);
  args.activation = options.activation;
  set_pre(args, pre);
  set_residual(args, options.residual);
  args.multiply = ctx.numerics().multiply;
  kernels::matmul(ctx.stream(), args);
  if (ctx.observed()) observe_steps(ctx, options, pre, y);
  if (!tape) return y;

  const Kept kept_pre = activated ? tape->keep(pre) : Kept{};
  tape->record("linear", y,
               [kept_x = tape->keep(weight.value().variable() ? x : Tensor{}), kept_pre, weight,
                activation = options.activation, to_x = InputRef(x),
                to_weight = InputRef(weight.value()), to_bias = InputRef(bias),
                to_residual = InputRef(options.residual)](Gradients& g, const Tensor& dy) {
                 Tensor d = dy;
                 if (activation != Activation::none) {
                   // In place, unless the residual still needs dy.
                   if (to_residual) d = g.ctx().empty(dy.shape(), dy.dtype());
                   kernels::activation_backward(g.stream(), activation, g.value(kept_pre), dy, d);
                 }
                 input_gradient(g, d, weight, to_x.gradient(g));
                 weight_gradient(g, d, kept_x, to_weight.gradient(g));
                 if (const auto db = to_bias.gradient(g)) kernels::sum_rows(g.stream(), d, db);
                 g.pass(to_residual, dy);
               });
  if (activated && !options.residual) {
    tape->remake(y, [kept_pre, activation = options.activation, type = y.dtype()](Gradients& g) {
      const Tensor from = g.value(kept_pre);
      Tensor again = g.ctx().empty(from.shape(), type);
      kernels::activation_forward(g.stream(), activation, from, again);
      return again;
    });
  }
  return y;
}

}  // namespace stemma::ops
