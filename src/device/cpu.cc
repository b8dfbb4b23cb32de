#include "device/cpu.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>

#include <cpuid.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

namespace stemma {
namespace {

constexpr std::array kAllPaths = {KernelPath::avx2, KernelPath::avx512, KernelPath::avx512_bf16,
                                  KernelPath::amx};
constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr int kTileData = 18;               // XFEATURE_XTILEDATA

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

// The extended states that the operating system saves (XCR0).
std::uint64_t saved_states() {
  std::uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

bool bit(std::uint32_t word, int index) { return (word >> index & 1u) != 0; }

// Tile state belongs to a process only after it has asked for it.
bool amx_permitted() { return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0; }

CpuFeatures detect() {
  CpuFeatures f;
  f.model = processor_name();
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  f.amd = __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx && d == signature_AMD_edx &&
          c == signature_AMD_ecx;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !bit(c, 27)) return f;
  const bool fma = bit(c, 12), f16c = bit(c, 29);
  const std::uint64_t states = saved_states();
  const bool ymm = (states & 0x6) == 0x6, zmm = (states & 0xE6) == 0xE6;
  const bool tiles = (states & 0x60000) == 0x60000;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
  f.avx2 = ymm && fma && f16c && bit(b, 5);
  f.avx512 = f.avx2 && zmm && bit(b, 16) && bit(b, 17) && bit(b, 28) && bit(b, 30) && bit(b, 31);
  f.avx512_vnni = f.avx512 && bit(c, 11);
  f.avx512_fp16 = f.avx512 && bit(d, 23);
  const bool amx = f.avx512 && tiles && bit(d, 24);
  const bool amx_bf16 = amx && bit(d, 22), amx_int8 = amx && bit(d, 25);
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) f.avx512_bf16 = f.avx512 && bit(a, 5);
  const bool permitted = (amx_bf16 || amx_int8) && amx_permitted();
  f.amx_bf16 = amx_bf16 && permitted;
  f.amx_int8 = amx_int8 && permitted;
  return f;
}

KernelPath parse_path(std::string_view name) {
  for (KernelPath path : kAllPaths)
    if (name == to_string(path)) return path;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[kernels] STEMMA_KERNELS is '{}': use avx2, avx512, avx512_bf16 or amx", name));
}

// For STEMMA_LOG=kernels.
KernelPath told(KernelPath path) {
  log_topic("kernels", fmt::format("{} on {}", to_string(path), cpu_features().model));
  const auto& paths = available_kernel_paths();
  for (const KernelPath other : kAllPaths)
    if (std::find(paths.begin(), paths.end(), other) == paths.end())
      log_topic("kernels", fmt::format("{} refused: the processor or the system does not have it",
                                       to_string(other)));
  return path;
}

KernelPath chosen_path() {
  const auto& paths = available_kernel_paths();
  const char* wanted = std::getenv("STEMMA_KERNELS");
  if (!wanted || !*wanted) return told(paths.back());
  const KernelPath path = parse_path(wanted);
  if (std::find(paths.begin(), paths.end(), path) == paths.end())
    throw Error(ErrorCode::unsupported,
                fmt::format("[kernels] STEMMA_KERNELS asks for {}, which this processor ({}) does "
                            "not have: leave it unset to take the best path",
                            wanted, cpu_features().model));
  return told(path);
}

std::atomic<int> forced_path{-1};

}  // namespace

std::string_view to_string(KernelPath path) {
  switch (path) {
    case KernelPath::avx2:
      return "avx2";
    case KernelPath::avx512:
      return "avx512";
    case KernelPath::avx512_bf16:
      return "avx512_bf16";
    case KernelPath::amx:
      return "amx";
  }
  return "unknown";
}

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

const std::vector<KernelPath>& available_kernel_paths() {
  static const std::vector<KernelPath> paths = [] {
    const CpuFeatures& f = cpu_features();
    if (!f.avx2)
      throw Error(ErrorCode::unsupported,
                  fmt::format("[kernels] this processor ({}) lacks AVX2 with FMA: Stemma needs it",
                              f.model));
    std::vector<KernelPath> list{KernelPath::avx2};
    if (f.avx512_bf16 && !f.amd) list.push_back(KernelPath::avx512_bf16);
    if (f.avx512) list.push_back(KernelPath::avx512);
    if (f.avx512_bf16 && f.amd) list.push_back(KernelPath::avx512_bf16);
    if (f.amx_bf16) list.push_back(KernelPath::amx);
    return list;
  }();
  return paths;
}

KernelPath kernel_path() {
  const int forced = forced_path.load(std::memory_order_relaxed);
  if (forced >= 0) return static_cast<KernelPath>(forced);
  static const KernelPath path = chosen_path();
  return path;
}

ScopedKernelPath::ScopedKernelPath(KernelPath path)
    : previous_(forced_path.exchange(static_cast<int>(path))) {}

ScopedKernelPath::~ScopedKernelPath() { forced_path.store(previous_); }

}  // namespace stemma
