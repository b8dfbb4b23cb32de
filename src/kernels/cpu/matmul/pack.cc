// Operands: how they are named, checked and packed.
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "device/cpu.h"
#include "kernels/cpu/matmul/kernels.h"

namespace stemma::kernels {
namespace {

void require_like_output(const MatmulArgs& args, const char* name, const Tensor& t) {
  if (t.rows() == args.m && t.cols() == args.n) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[matmul] {} must be [{}, {}] as the output is, got {}", name, args.m,
                          args.n, t.shape().to_string()));
}

}  // namespace

std::string_view to_string(Multiply multiply) {
  return multiply == Multiply::bf16 ? "bf16" : "f32";
}

Multiply preferred_multiply(Device /*device*/) {
  return kernel_path() == KernelPath::amx ? Multiply::bf16 : Multiply::f32;
}

Operand rows_of(const Tensor& matrix) {
  return {matrix.raw(), matrix.dtype(), Operand::Layout::rows, matrix.row_stride()};
}

Operand transposed_of(const Tensor& matrix) {
  return {matrix.raw(), matrix.dtype(), Operand::Layout::transposed, matrix.row_stride()};
}

namespace {

void require_matrix(const Weight& weight) {
  if (weight.is_matrix()) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[matmul] a weight must be a matrix [out, in], got {}",
                          weight.shape().to_string()));
}

}  // namespace

Operand transposed_of(const Weight& weight) {
  require_matrix(weight);
  if (weight.layout() == Weight::Layout::panels)
    return {weight.value().raw(), weight.dtype(), Operand::Layout::panels, 0};
  return transposed_of(weight.value());
}

void set_output(MatmulArgs& args, const Tensor& c, bool accumulate) {
  args.m = c.rows();
  args.n = c.cols();
  args.c = c.raw();
  args.c_dtype = c.dtype();
  args.c_stride = c.row_stride();
  args.accumulate = accumulate;
}

void set_bias(MatmulArgs& args, const Tensor& bias) {
  if (bias && (bias.elements() != args.n || !bias.contiguous()))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[matmul] bias must be [{}], contiguous, got {}", args.n,
                            bias.shape().to_string()));
  args.bias = bias ? bias.raw() : nullptr;
}

void set_pre(MatmulArgs& args, const Tensor& pre) {
  args.pre = nullptr;
  if (!pre) return;
  require_like_output(args, "pre", pre);
  if (pre.dtype() != args.c_dtype || pre.row_stride() != args.c_stride)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[matmul] pre must be {} with rows {} elements apart as the output is, "
                            "got {} and {}",
                            to_string(args.c_dtype), args.c_stride, to_string(pre.dtype()),
                            pre.row_stride()));
  args.pre = pre.raw();
}

void set_residual(MatmulArgs& args, const Tensor& residual) {
  args.residual = nullptr;
  if (!residual) return;
  require_like_output(args, "residual", residual);
  args.residual = residual.raw();
  args.residual_stride = residual.row_stride();
}

Operand rows_of(const Weight& weight) {
  require_matrix(weight);
  if (weight.layout() == Weight::Layout::panels)
    return {weight.value().raw(), weight.dtype(), Operand::Layout::transposed_panels, 0};
  return rows_of(weight.value());
}

Weight pack_weight(Stream& stream, const Weight& weight, DType type, Allocator& memory) {
  const auto packs = [](DType t) { return t == DType::f32 || t == DType::bf16 || t == DType::f16; };
  if (weight.layout() != Weight::Layout::rows || !weight.is_matrix() || !packs(weight.dtype()) ||
      !packs(type))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[pack_weight] packs a matrix in rows of f32, bf16 or f16 into panels "
                            "of the same three, got {} {} of {} into {}",
                            to_string(weight.layout()), weight.shape().to_string(),
                            to_string(weight.dtype()), to_string(type)));
  const std::int64_t out = weight.out(), in = weight.in();
  const std::int64_t panels = (out + kPanelWidth - 1) / kPanelWidth;
  const Tensor packed = Tensor::empty({panels, in, kPanelWidth}, type, memory);
  MatmulArgs args;
  args.n = out;
  args.k = in;
  args.b = transposed_of(weight);
  const cpu::Engine& engine =
      kernel_path() == KernelPath::avx2 ? cpu::avx2_engine() : cpu::avx512_engine();
  constexpr std::int64_t kRows = 256;
  const auto round = type == DType::bf16 ? cpu::round_to_bf16 : cpu::round_to_f16;
  stream.workers().for_each(panels, 1, [&](std::int64_t begin, std::int64_t end, int) {
    alignas(64) float block[kRows * kPanelWidth];
    for (std::int64_t p = begin; p < end; ++p) {
      for (std::int64_t k = 0; k < in; k += kRows) {
        const std::int64_t count = std::min(kRows, in - k), at = (p * in + k) * kPanelWidth;
        if (type == DType::f32) {
          engine.pack_panel(args, p * kPanelWidth, {k, count}, packed.data<float>() + at);
          continue;
        }
        engine.pack_panel(args, p * kPanelWidth, {k, count}, block);
        for (std::int64_t i = 0; i < count * kPanelWidth; i += kPanelWidth)
          round(block + i, static_cast<std::uint16_t*>(packed.raw()) + at + i);
      }
    }
  });
  return Weight::panels(packed, out);
}

namespace cpu {
namespace {

void fail(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("[matmul] {}", what));
}

// From element `at` of the operand's memory on.
PackSource piece_of(const MatmulArgs& args, const Operand& operand, std::int64_t at) {
  const std::byte* data = static_cast<const std::byte*>(operand.data);
  return {data + at * static_cast<std::int64_t>(size_of(operand.dtype)), operand.dtype,
          operand.stride, args.multiply == Multiply::bf16 && operand.dtype != DType::bf16};
}

// Half a panel, `width` columns from `col` on, of B = W where W lies in panels: 32 k of a column
// lie side by side in one panel of memory, the next 32 in the next.
void pack_transposed_panels(const Packers& packers, const MatmulArgs& args, std::int64_t col,
                            std::int64_t width, Depth depth, float* to) {
  Operand b = args.b;
  b.stride = kPanelWidth;
  for (std::int64_t k = 0; k < depth.count; k += kPanelWidth) {
    const std::int64_t at = (depth.begin + k) / kPanelWidth * args.n + std::min(col, args.n - 1);
    const PackShape shape{std::min(kPanelWidth, depth.count - k), width, kPanelWidth};
    packers.transpose(piece_of(args, b, at * kPanelWidth), shape,
                      to + k / packers.row_depth * kPanelWidth);
  }
}

}  // namespace

void pack_strip_with(const Packers& packers, const MatmulArgs& args, std::int64_t row, int rows,
                     Depth depth, float* to) {
  const Operand& a = args.a;
  const PackShape shape{depth.count, rows, rows};
  if (a.layout == Operand::Layout::rows)
    packers.transpose(piece_of(args, a, row * a.stride + depth.begin), shape, to);
  else
    packers.copy(piece_of(args, a, depth.begin * a.stride + row), shape, to);
}

void pack_panel_with(const Packers& packers, const MatmulArgs& args, std::int64_t col, Depth depth,
                     float* to) {
  constexpr std::int64_t kHalf = kPanelWidth / 2;
  Operand b = args.b;
  const bool rows = b.layout == Operand::Layout::rows;
  if (packers.copy_panel && rows && col + kPanelWidth <= args.n)
    return packers.copy_panel(piece_of(args, b, depth.begin * b.stride + col), depth.count, 0, to);
  for (std::int64_t half = 0; half < kPanelWidth; half += kHalf, to += kHalf) {
    std::int64_t width = std::clamp<std::int64_t>(args.n - col - half, 0, kHalf);
    std::int64_t at = 0;
    if (b.layout == Operand::Layout::transposed_panels) {
      pack_transposed_panels(packers, args, col + half, width, depth, to);
      continue;
    }
    if (b.layout == Operand::Layout::panels) {
      b.stride = kPanelWidth;
      width = kHalf;
      at = (col / kPanelWidth * args.k + depth.begin) * kPanelWidth + half;
    } else if (width > 0) {
      at = rows ? depth.begin * b.stride + col + half : (col + half) * b.stride + depth.begin;
    }
    const PackSource piece = piece_of(args, b, at);
    const PackShape shape{depth.count, width, kPanelWidth};
    (b.layout == Operand::Layout::transposed ? packers.transpose : packers.copy)(piece, shape, to);
  }
}

std::int64_t pack_strips_with(const Packers& packers, const MatmulArgs& args, std::int64_t row,
                              const PackGroup& group, Depth depth, float* to) {
  const std::int64_t count = packers.strips_at_once;
  // The last vector of a row reads two columns more than its strip has.
  if (args.a.layout != Operand::Layout::transposed || group.count < count ||
      row + count * packers.strip_rows + 2 > args.m)
    return 0;
  packers.copy_strips(piece_of(args, args.a, depth.begin * args.a.stride + row), depth.count,
                      group.bytes / 4, to);
  return count;
}

std::int64_t pack_panels_with(const Packers& packers, const MatmulArgs& args, std::int64_t col,
                              const PackGroup& group, Depth depth, float* to) {
  const std::int64_t count = packers.panels_at_once;
  if (args.b.layout != Operand::Layout::rows || group.count < count ||
      col + count * kPanelWidth > args.n)
    return 0;
  packers.copy_panels(piece_of(args, args.b, depth.begin * args.b.stride + col), depth.count,
                      group.bytes / 4, to);
  return count;
}

void check_matmul(const MatmulArgs& args) {
  if (args.m < 0 || args.n < 0 || args.k < 0)
    fail(fmt::format("sizes must not be negative, got M {} N {} K {}", args.m, args.n, args.k));
  const DType a = args.a.dtype, b = args.b.dtype, c = args.c_dtype;
  const auto narrow = [](DType type) { return type == DType::f32 || type == DType::bf16; };
  const auto panels = [](const Operand& operand) {
    return operand.layout == Operand::Layout::panels ||
           operand.layout == Operand::Layout::transposed_panels;
  };
  const bool wide = a == DType::f64 && b == DType::f64 && c == DType::f64;
  if (!wide && !(narrow(a) && (narrow(b) || b == DType::f16) && narrow(c)))
    fail(
        fmt::format("A and C must be f32 or bf16 and B f32, bf16 or f16, or all three f64; got A "
                    "{} B {} C {}",
                    to_string(a), to_string(b), to_string(c)));
  if (wide && panels(args.b)) fail("B in panels must be f32, bf16 or f16, got f64");
  if (panels(args.a)) fail("A must lie in rows or transposed, got panels");
  if (args.accumulate && c == DType::bf16) fail("cannot accumulate into C of bf16: use f32");
}

}  // namespace cpu
}  // namespace stemma::kernels
