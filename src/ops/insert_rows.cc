#include "ops/insert_rows.h"

#include <numeric>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/elementwise.h"
#include "kernels/weighted_rows.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

// The gradient of one table: the rows that are its copies, added in the order of the sequences.
void add_table_gradient(Gradients& g, const InputRef& table, std::size_t index,
                        const TableColumns& columns, const InsertedRows& inserted,
                        const Tensor& dy) {
  const kernels::GradientOut d = table.gradient(g);
  if (!d) return;
  if (!d.add) kernels::fill(g.stream(), d.tensor, 0);
  const auto size = static_cast<std::size_t>(table.shape[0]);
  std::vector<std::int32_t> to, from;
  for (const InsertedRows::Block& block : inserted.blocks) {
    if (block.table != index) continue;
    to.resize(to.size() + size);
    std::iota(to.end() - static_cast<std::ptrdiff_t>(size), to.end(), 0);
    from.resize(from.size() + size);
    std::iota(from.end() - static_cast<std::ptrdiff_t>(size), from.end(),
              static_cast<std::int32_t>(block.first));
  }
  const std::vector<float> ones(to.size(), 1.0f);
  kernels::add_weighted_rows(
      g.stream(), {to, from, ones}, dy.columns(dy.cols() - columns.count, dy.cols()),
      {d.tensor.columns(columns.first, columns.first + columns.count), true});
}

}  // namespace

Tensor insert_rows(Context& ctx, const Tensor& x, std::span<const Tensor> tables,
                   const TableColumns& columns, const InsertedRows& inserted) {
  for (const InsertedRows::Block& block : inserted.blocks)
    if (const Tensor& table = tables[block.table];
        columns.first + columns.count > table.cols() || columns.count > x.cols())
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[insert_rows] columns [{}, {}) must be in the table of {} columns "
                      "and fit rows of {}",
                      columns.first, columns.first + columns.count, table.cols(), x.cols()));
  Tensor y = ctx.empty({std::ssize(inserted.from), x.cols()}, x.dtype());
  kernels::gather_rows(ctx.stream(), x, inserted.from, y);
  Tape* tape = ctx.recording(x);
  for (const InsertedRows::Block& block : inserted.blocks) {
    const Tensor& table = tables[block.table];
    kernels::convert(ctx.stream(), table.columns(columns.first, columns.first + columns.count),
                     y.slice_rows(block.first, block.first + table.rows())
                         .columns(x.cols() - columns.count, x.cols()));
    if (Tape* of_table = ctx.recording(table)) tape = of_table;
  }
  ctx.observe("insert_rows", y);
  if (!tape) return y;
  std::vector<InputRef> to_tables;
  for (const Tensor& table : tables) to_tables.emplace_back(table);
  tape->record("insert_rows", y,
               [to_x = InputRef(x), to_tables, columns, &inserted](Gradients& g, const Tensor& dy) {
                 if (to_x) {
                   const Tensor dx = g.ctx().empty(to_x.shape, dy.dtype());
                   kernels::gather_rows(g.stream(), dy, inserted.tokens, dx);
                   g.pass(to_x, dx);
                 }
                 for (std::size_t i = 0; i < to_tables.size(); ++i)
                   if (to_tables[i]) add_table_gradient(g, to_tables[i], i, columns, inserted, dy);
               });
  return y;
}

}  // namespace stemma::ops
