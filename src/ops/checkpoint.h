// Runs a block so that its activations need not be kept for the backward pass: with
// Recompute::blocks only the block's input is kept, and the block runs again in backward.
#pragma once

#include <type_traits>
#include <utility>

#include "ops/context.h"
#include "ops/tape.h"

namespace stemma::ops {

// y = block(ctx, x), where `block` is a callable Tensor(Context&, const Tensor& x) that gives the
// same result whenever it is called and that lives, with all it refers to, until backward has run
// (Chen et al. 2016, "Training deep nets with sublinear memory cost"). Only with Recompute::blocks
// is anything dropped; otherwise this is a plain call. Where nothing is trainable, neither x nor a
// parameter in the block, nothing is recorded. A loss is no block: it would be given another
// gradient than its own 1, which throws invalid_argument.
template <class Block>
Tensor checkpoint(Context& ctx, const Tensor& x, const Block& block) {
  Tape* tape = ctx.tape();
  if (!tape || tape->recompute() != Recompute::blocks) return block(ctx, x);
  Context plain = ctx;
  plain.set_tape(nullptr);
  bool trainable = false;
  plain.note_trainable(&trainable);
  Tensor y = block(plain, x);
  plain.note_trainable(nullptr);
  if (!trainable) return y;
  tape->record(
      "checkpoint", y,
      [kept_x = tape->keep(x), to_x = InputRef(x), block, plain](Gradients& g, const Tensor& dy) {
        Context inner = plain;
        Tape again(inner);
        again.bind_as(g.tape());
        inner.set_tape(&again);
        Tensor input = g.value(kept_x);
        if (to_x) again.input(input);
        Tensor output = block(inner, input);
        again.backward(output, dy);
        if (to_x) g.pass(to_x, again.take_gradient(input));
      });
  return y;
}

}  // namespace stemma::ops
