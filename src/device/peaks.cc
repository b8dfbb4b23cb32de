#include "device/peaks.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include <immintrin.h>
#include <time.h>

#include "device/cpu.h"
#include "device/memory.h"

namespace stemma {
namespace {

using Clock = std::chrono::steady_clock;

// The loops are written in assembly: 12 independent instructions a round (at most 6 cycles of
// latency times two a cycle), registers only, and a compiler can neither drop nor reorder them.
constexpr int kChains = 12;
using Loop = void (*)(std::int64_t rounds);

#define STEMMA_TWELVE(op, v)                                                                  \
  op " %%" v "14, %%" v "15, %%" v "0\n" op " %%" v "14, %%" v "15, %%" v "1\n" op " %%" v    \
     "14, %%" v "15, %%" v "2\n" op " %%" v "14, %%" v "15, %%" v "3\n" op " %%" v "14, %%" v \
     "15, %%" v "4\n" op " %%" v "14, %%" v "15, %%" v "5\n" op " %%" v "14, %%" v "15, %%" v \
     "6\n" op " %%" v "14, %%" v "15, %%" v "7\n" op " %%" v "14, %%" v "15, %%" v "8\n" op   \
     " %%" v "14, %%" v "15, %%" v "9\n" op " %%" v "14, %%" v "15, %%" v "10\n" op " %%" v   \
     "14, %%" v "15, %%" v "11\n"

#define STEMMA_SIXTEEN_REGISTERS                                                           \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

// vzeroall: zeros have no slow cases, and leave no dirty upper halves behind.
#define STEMMA_PEAK_LOOP(name, op, v)                                                  \
  void name(std::int64_t rounds) {                                                     \
    __asm__ volatile(                                                                  \
        "vzeroall\n.p2align 5\n1:\n" STEMMA_TWELVE(op, v) "dec %0\njnz 1b\nvzeroall\n" \
        : "+r"(rounds)                                                                 \
        :                                                                              \
        : "cc", STEMMA_SIXTEEN_REGISTERS);                                             \
  }

STEMMA_PEAK_LOOP(f32_avx2, "vfmadd231ps", "ymm")
STEMMA_PEAK_LOOP(f32_avx512, "vfmadd231ps", "zmm")
STEMMA_PEAK_LOOP(fp16, "vfmadd231ph", "zmm")
STEMMA_PEAK_LOOP(bf16_dot, "vdpbf16ps", "zmm")
STEMMA_PEAK_LOOP(int8_dot, "vpdpbusd", "zmm")

#define STEMMA_PEAK_TILES(name, op)                                                         \
  void name(std::int64_t rounds) {                                                          \
    struct alignas(64) Configuration {                                                      \
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};                           \
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};                       \
      std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};                             \
    };                                                                                      \
    const Configuration tiles;                                                              \
    __asm__ volatile(                                                                       \
        "ldtilecfg %1\n"                                                                    \
        "tilezero %%tmm0\ntilezero %%tmm1\ntilezero %%tmm2\ntilezero %%tmm3\n"              \
        "tilezero %%tmm6\ntilezero %%tmm7\n"                                                \
        ".p2align 5\n1:\n" op " %%tmm7, %%tmm6, %%tmm0\n" op " %%tmm7, %%tmm6, %%tmm1\n" op \
        " %%tmm7, %%tmm6, %%tmm2\n" op                                                      \
        " %%tmm7, %%tmm6, %%tmm3\n"                                                         \
        "dec %0\njnz 1b\ntilerelease\n"                                                     \
        : "+r"(rounds)                                                                      \
        : "m"(tiles)                                                                        \
        : "cc");                                                                            \
  }

STEMMA_PEAK_TILES(tiles_bf16, "tdpbf16ps")
STEMMA_PEAK_TILES(tiles_int8, "tdpbusd")

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The best rate of `work`(units of work per call) over rounds that take about `time` together, at
// least three: in a single long one another program may have taken a part.
template <class Work>
double best_rate(std::chrono::milliseconds time, double units, Work&& work) {
  const double limit = std::chrono::duration<double>(time).count();
  const Clock::time_point start = Clock::now();
  double best = 0;
  for (int round = 0; round < 3 || seconds_since(start) < limit; ++round) {
    const Clock::time_point begin = Clock::now();
    work();
    best = std::max(best, units / seconds_since(begin));
  }
  return best;
}

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Operations per second of all workers: they run the loop at once, and each is timed by its own
// processor time, so that what else runs on the machine does not count.
double rate_of(Stream& stream, std::chrono::milliseconds time, Loop loop, double operations) {
  constexpr std::int64_t kRounds = 40'000;  // 0.2 to 1 ms
  std::vector<double> rates(static_cast<std::size_t>(stream.workers().count()));
  const double limit = std::chrono::duration<double>(time).count();
  const Clock::time_point start = Clock::now();
  do {
    stream.workers().run([&](int worker) {
      const double begin = thread_seconds();
      loop(kRounds);
      double& best = rates[static_cast<std::size_t>(worker)];
      best = std::max(best, operations * kRounds / (thread_seconds() - begin));
    });
  } while (seconds_since(start) < limit);
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

// Reads every cache line of [from, from + bytes): eight lines at a time.
__attribute__((target("avx2"))) void read_lines(const std::byte* from, std::int64_t bytes) {
  __m256i sum[8] = {};
  for (std::int64_t i = 0; i + 512 <= bytes; i += 512)
    for (int j = 0; j < 8; ++j) {
      const __m256i* line = reinterpret_cast<const __m256i*>(from + i + 64 * j);
      sum[j] = _mm256_xor_si256(sum[j], _mm256_load_si256(line));
    }
  for (int j = 0; j < 8; ++j) __asm__ volatile("" ::"x"(sum[j]));
}

double read_rate(Stream& stream, std::chrono::milliseconds time, std::size_t bytes) {
  constexpr std::int64_t kPiece = 1 << 20;
  const std::int64_t pieces = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes) / kPiece);
  const StorageRef buffer(heap().allocate(static_cast<std::size_t>(pieces * kPiece)));
  std::byte* data = buffer.get()->data;
  // Written first: untouched pages are all one page of zeros.
  stream.workers().for_each(pieces, 1, [&](std::int64_t begin, std::int64_t end, int) {
    std::memset(data + begin * kPiece, 1, static_cast<std::size_t>((end - begin) * kPiece));
  });
  return best_rate(time, static_cast<double>(pieces * kPiece), [&] {
    stream.workers().for_each(pieces, 1, [&](std::int64_t begin, std::int64_t end, int) {
      read_lines(data + begin * kPiece, (end - begin) * kPiece);
    });
  });
}

}  // namespace

Peaks measure_peaks(Stream& stream, const PeakOptions& options) {
  const CpuFeatures& cpu = cpu_features();
  Peaks peaks;
  const auto time = options.time;
  // Lanes · 2 operations per multiply-add · instructions a round.
  peaks.f32_flops = cpu.avx512 ? rate_of(stream, time, f32_avx512, 16 * 2 * kChains)
                               : rate_of(stream, time, f32_avx2, 8 * 2 * kChains);
  constexpr double kTiles = 4;  // tile products a round, 16 x 16 x 32 (64) multiply-adds each
  if (cpu.amx_bf16)
    peaks.amx_bf16_flops = rate_of(stream, time, tiles_bf16, 16 * 16 * 32 * 2 * kTiles);
  if (cpu.avx512_bf16) peaks.bf16_dot_flops = rate_of(stream, time, bf16_dot, 32 * 2 * kChains);
  if (options.quick) return peaks;
  if (cpu.amx_int8)
    peaks.amx_int8_ops = rate_of(stream, time, tiles_int8, 16 * 16 * 64 * 2 * kTiles);
  if (cpu.avx512_fp16) peaks.fp16_flops = rate_of(stream, time, fp16, 32 * 2 * kChains);
  if (cpu.avx512_vnni) peaks.int8_ops = rate_of(stream, time, int8_dot, 64 * 2 * kChains);
  if (options.dram_buffer_bytes > 0)
    peaks.dram_bytes = read_rate(stream, time, options.dram_buffer_bytes);
  if (options.read_buffer_bytes > 0) {
    peaks.read_buffer_bytes = options.read_buffer_bytes;
    peaks.read_bytes = read_rate(stream, time, options.read_buffer_bytes);
  }
  return peaks;
}

std::string_view read_level(const Peaks& peaks) {
  if (peaks.dram_bytes <= 0 || peaks.read_bytes <= 0) return "unknown";
  return peaks.read_bytes > 1.25 * peaks.dram_bytes ? "cache" : "DRAM";
}

double multiply_peak(const Peaks& peaks, bool bf16) {
  if (bf16 && kernel_path() == KernelPath::amx) return peaks.amx_bf16_flops;
  if (bf16 && kernel_path() == KernelPath::avx512_bf16) return peaks.bf16_dot_flops;
  return peaks.f32_flops;
}

}  // namespace stemma
