// Which instruction sets this processor has, and which of them kernels are to use.
//
//   if (kernel_path() == KernelPath::amx) ...
//   const ScopedKernelPath path(KernelPath::avx2);  // in a test
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stemma {

// The instruction sets that have kernels of their own. avx512_bf16 and amx differ from avx512 only
// in how the matrix product multiplies in bf16.
enum class KernelPath : std::uint8_t { avx2, avx512, avx512_bf16, amx };

std::string_view to_string(KernelPath path);

struct CpuFeatures {
  std::string model;    // "Intel(R) Xeon(R) ..."
  bool amd = false;     // the maker says so
  bool avx2 = false;    // with FMA and F16C
  bool avx512 = false;  // F, BW, CD, DQ, VL
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_bf16 = false;  // present and permitted by the kernel (the permission call succeeded)
  bool amx_int8 = false;
};

// Detected once. Throws unsupported where AVX2 or FMA is missing.
const CpuFeatures& cpu_features();

// Paths that this machine can run, the best last. AVX512-BF16's dot product has twice the rate of
// f32 multiply-adds on AMD's processors and half of it on Intel's (measured: Zen 4, Sapphire
// Rapids); on Intel's it comes before avx512, for those who name it.
const std::vector<KernelPath>& available_kernel_paths();

// The best available path, or the one that STEMMA_KERNELS (avx2, avx512, avx512_bf16, amx)
// names.
// Throws invalid_argument for an unknown name, unsupported for a path the machine does not have.
KernelPath kernel_path();

// For tests that run every path in one process: overrides kernel_path() until destroyed.
// Not while kernels run.
class ScopedKernelPath {
 public:
  explicit ScopedKernelPath(KernelPath path);
  ~ScopedKernelPath();
  ScopedKernelPath(const ScopedKernelPath&) = delete;
  ScopedKernelPath& operator=(const ScopedKernelPath&) = delete;

 private:
  int previous_;
};

}  // namespace stemma
