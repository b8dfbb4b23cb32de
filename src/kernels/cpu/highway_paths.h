// How a kernel file of cpu/ is compiled once for AVX2 and once for AVX-512, and how it picks at run
// time. Include it before anything of Highway, the file itself as HWY_TARGET_INCLUDE:
//
//   #include "kernels/cpu/highway_paths.h"
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "kernels/cpu/layer_norm.cc"
//   #include <hwy/foreach_target.h>
//   #include "kernels/cpu/vector_math-inl.h"
//   HWY_BEFORE_NAMESPACE(); namespace stemma::kernels::HWY_NAMESPACE { ... rows(...) ... }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   ... STEMMA_PICK_PATH(rows)(arguments);
//   #endif
//
// Functions inside the per-target namespace take plain pointers and call nothing of the standard
// library: an inline function compiled there could be linked into code for older machines.
#pragma once

#define HWY_BASELINE_TARGETS HWY_AVX2
#define HWY_DISABLED_TARGETS (~(HWY_AVX2 | HWY_AVX3))

#include "device/cpu.h"

// The function for kernel_path(): avx512_bf16 and amx run the AVX-512 one.
#define STEMMA_PICK_PATH(...)                                                   \
  (::stemma::kernel_path() == ::stemma::KernelPath::avx2 ? &N_AVX2::__VA_ARGS__ \
                                                         : &N_AVX3::__VA_ARGS__)

// Between the parameter list and the body of a lambda inside the per-target namespace.
#define STEMMA_LANES HWY_ATTR __attribute__((always_inline))
