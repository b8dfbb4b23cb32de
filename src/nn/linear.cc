#include "nn/linear.h"

#include "base/hash.h"
#include "nn/adapter.h"
#include "ops/activate.h"
#include "ops/add.h"
#include "ops/dropout.h"
#include "ops/gather_rows.h"
#include "ops/low_rank.h"

namespace stemma::nn {
namespace {

// One adapter at one linear layer, on the rows of the batch that have it.
class AdaptedRows {
 public:
  AdaptedRows(const Pass& pass, const Adapter& adapter, const AdapterRows& rows,
              const std::string& linear)
      : pass_(pass), adapter_(adapter), rows_(rows), linear_(linear) {}

  // y += scale · B (E ∘ (A x))
  Tensor add_low_rank(const Adapter::LowRank& l, const Tensor& x, const Tensor& y) const {
    ops::Context& ctx = pass_.ctx;
    Tensor u = ops::linear(ctx, dropped(chosen(x)), l.a, {}, {.residual = {}, .stream = true});
    if (l.e) u = ops::scale_columns(ctx, u, l.e);
    return ops::add_low_rank(ctx, y, u, l.b, l.spec->scale,
                             {.first_column = l.spec->first_row, .rows = rows()});
  }

  // y += U act(D y + d) + u
  Tensor add_bottleneck(const Adapter::Bottleneck& b, const Tensor& y) const {
    ops::Context& ctx = pass_.ctx;
    const Tensor h =
        ops::linear(ctx, chosen(y), b.down, b.down_bias,
                    {.activation = adapter_.spec().activation, .residual = {}, .stream = true});
    if (rows_.all) return ops::linear(ctx, h, b.up, b.up_bias, {.residual = y});
    // All outputs of the second matrix as a low-rank change, its bias as another one.
    const Tensor added = ops::linear(ctx, h, b.up, b.up_bias, {.residual = {}, .stream = true});
    return ops::add_rows(ctx, y, added, rows());
  }

 private:
  std::span<const std::int32_t> rows() const {
    return rows_.all ? std::span<const std::int32_t>{} : rows_.rows;
  }
  Tensor chosen(const Tensor& x) const {
    return rows_.all ? x : ops::gather_rows(pass_.ctx, x, rows_.rows);
  }
  Tensor dropped(const Tensor& x) const {
    const float p = adapter_.spec().dropout;
    if (p == 0 || !pass_.ctx.training()) return x;
    const auto site = static_cast<std::uint32_t>(hash64(linear_));
    return ops::dropout(pass_.ctx, pass_.batch,
                        ops::activate(pass_.ctx, x, kernels::Activation::none, true), {}, p, site);
  }

  const Pass& pass_;
  const Adapter& adapter_;
  const AdapterRows& rows_;
  const std::string& linear_;
};

}  // namespace

Linear::Linear(WeightSource& source, const std::string& name, const LinearShape& shape, Init init)
    : name_(name),
      weight_(
          source.load({name + ".weight", {shape.out, shape.in}, init, Role::matrix, shape.parts})) {
  if (shape.bias)
    bias_ = source.load({name + ".bias", {shape.out}, Init::zeros(), Role::vector, shape.parts})
                .value();
}

Tensor Linear::operator()(const Pass& pass, const Tensor& x,
                          const ops::LinearOptions& options) const {
  if (!pass.adapters || !pass.adapters->touches(name_)) return (*this)(pass.ctx, x, options);
  // The change comes before the activation and before the residual.
  Tensor y = ops::linear(pass.ctx, x, weight_, bias_, {.residual = {}, .stream = true});
  for (std::size_t i = 0; i < pass.adapters->list.size(); ++i) {
    const Adapter& adapter = *pass.adapters->list[i];
    const Adapter::OfLinear* mine = adapter.of(name_);
    if (!mine) continue;
    const AdapterRows rows = rows_with(pass.batch, i);
    if (!rows.all && rows.rows.empty()) continue;
    const AdaptedRows adapted(pass, adapter, rows, name_);
    for (const Adapter::LowRank& l : mine->low_rank) y = adapted.add_low_rank(l, x, y);
    for (const Adapter::Bottleneck& b : mine->bottlenecks) y = adapted.add_bottleneck(b, y);
  }
  // In the type of the result first, as in the fused product: a bare model's rows have its bits.
  const bool stream = options.stream || options.residual;
  y = ops::activate(pass.ctx, y, kernels::Activation::none, stream);
  y = ops::activate(pass.ctx, y, options.activation, stream);
  return options.residual ? ops::add(pass.ctx, y, options.residual) : y;
}

}  // namespace stemma::nn
