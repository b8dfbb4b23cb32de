// The matrix product C = epilogue(A · B), for matrices of every size and storage. What usually
// follows a product (scale, bias, activation, residual) is its epilogue, computed while the sums
// are still in the cache.
//
//   MatmulArgs args{.m = 4, .n = w.out(), .k = w.in()};   // y [4, out] = x [4, in] · Wᵀ
//   args.a = rows_of(x);
//   args.b = transposed_of(w);
//   args.c = y.raw();
//   args.c_stride = y.row_stride();
//   matmul(stream, args);
//
// What multiplies: fused multiply-adds in f32 (AVX2, AVX-512); for bf16 AMX tiles or AVX512-BF16
// dot products, and on other paths operands that are rounded to bf16 and multiplied in f32;
// reference code for f64 and everything else.
//
// Reduction contract: an element of C depends on its row of A and its column of B only, not on M,
// N, the thread count or the storage (rows or panels) of the same values. Each element is computed
// as sums over fixed blocks of kReductionBlock k. Inside a block one chain of fused multiply-adds
// starts from 0, k ascending; the sums of the blocks are added in ascending order. AMX and
// AVX512-BF16 multiply pairs of bf16 in the instruction's own fixed order, pairs ascending (an odd
// k is padded with a zero). VDPBF16PS makes two fused multiply-adds to the sum, k + 1 first, then k
// (Intel SDM volume 2; AMD's Zen 4 gives the same bits); it takes and writes denormals as 0.
#pragma once

#include <cstdint>
#include <string_view>

#include "device/stream.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::kernels {

inline constexpr std::int64_t kReductionBlock = 256;
inline constexpr std::int64_t kPanelWidth = 32;  // columns of B in one packed panel

// What products multiply in; how an operand is stored is another choice (Operand). Storage changes
// no bit: B in bf16 or f16 gives what the same values in f32 give.
enum class Multiply : std::uint8_t { f32, bf16 };
std::string_view to_string(Multiply multiply);

// What products multiply in on this device when nobody names it (`--precision auto`): bf16 where
// the device multiplies in bf16 so much faster that it pays (the CPU's AMX), f32 elsewhere. A fixed
// rule, never a measurement, so that runs repeat.
Multiply preferred_multiply(Device device);

// What follows a product, element by element; kernels/elementwise.h has the formulas.
enum class Activation : std::uint8_t { none, gelu_tanh, gelu_erf, relu, silu, quick_gelu, tanh };

// One operand: a logical matrix [rows, cols] lying row-major, transposed or in panels.
struct Operand {
  const void* data = nullptr;
  DType dtype = DType::f32;  // f32, bf16; B also f16; f64 where all are
  enum class Layout : std::uint8_t {
    rows,               // element (i, j) at data[i * stride + j]
    transposed,         // element (i, j) at data[j * stride + i]
    panels,             // only B: element (k, n) at data[((n / 32) * K + k) * 32 + n % 32]
    transposed_panels,  // only B: element (k, n) at data[((k / 32) * N + n) * 32 + k % 32]
  } layout = Layout::rows;
  std::int64_t stride = 0;  // in elements; unused for panels
};

Operand rows_of(const Tensor& matrix);        // the matrix itself
Operand transposed_of(const Tensor& matrix);  // its transpose
// B of y = x · Wᵀ and B of dx = dy · W, in whatever layout and encoding the weight is stored.
// Throw invalid_argument for a weight that is no matrix.
Operand transposed_of(const Weight& weight);
Operand rows_of(const Weight& weight);

struct MatmulArgs {
  std::int64_t m = 0, n = 0, k = 0;
  Operand a;  // [M, K]
  Operand b;  // [K, N]
  // C [M, N] f32 or bf16 (f64 with f64 operands).
  void* c = nullptr;
  DType c_dtype = DType::f32;
  std::int64_t c_stride = 0;

  // Epilogue, in this order, each optional:
  //   v = sum · scale + bias[n];  pre[m, n] = v;  v = activation(v);  v += residual[m, n];
  //   (with an activation, v is rounded to C's type first: activation(pre) can be computed again)
  //   C = accumulate ? C + v : v
  float scale = 1.0f;
  const void* bias = nullptr;  // [N], in f32 (f64 with f64 operands)
  Activation activation = Activation::none;
  void* pre = nullptr;             // [M, N], dtype and stride of C
  const void* residual = nullptr;  // [M, N] f32 (f64 with f64 operands)
  std::int64_t residual_stride = 0;
  bool accumulate = false;  // C must be f32 or f64

  Multiply multiply = Multiply::f32;
};

// Fill MatmulArgs from tensors, so that callers hand over no pointers. set_output() comes first: it
// sets M, N and C. The tensors must live until the product has run. `bias` [N], `pre` [M, N] (of
// C's type and row stride) and `residual` [M, N] may be empty: then there is none. Throw
// invalid_argument for other shapes, and for a `pre` that does not lie as C does.
//   MatmulArgs args;
//   set_output(args, y);
//   args.k = w.in();  args.a = rows_of(x);  args.b = transposed_of(w);
//   set_bias(args, bias);
//   matmul(stream, args);
void set_output(MatmulArgs& args, const Tensor& c, bool accumulate = false);
void set_bias(MatmulArgs& args, const Tensor& bias);
void set_pre(MatmulArgs& args, const Tensor& pre);
void set_residual(MatmulArgs& args, const Tensor& residual);

// M, N, K ≥ 0; K = 0 gives sums of 0. Operands must not overlap C (the residual may be C itself).
// Throws invalid_argument for a combination of types that has no kernel.
void matmul(Stream& stream, const MatmulArgs& args);

// The same in scalar code with the same order of operations: results equal matmul's bit for bit on
// every kernel_path() but for bf16 products on AMX. Serves f64. The test oracle.
void matmul_reference(const MatmulArgs& args);

// Packs a weight [out, in] in rows of f32, bf16 or f16 into panels of `type`, one of the same
// three; rounds to nearest even where `type` is narrower.
Weight pack_weight(Stream& stream, const Weight& weight, DType type, Allocator& memory = heap());

}  // namespace stemma::kernels
