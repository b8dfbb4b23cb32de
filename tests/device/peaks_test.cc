#include "device/peaks.h"

#include <gtest/gtest.h>

#include "device/cpu.h"

namespace stemma {
namespace {

TEST(Peaks, MeasuresWhatTheMachineHasAndNothingElse) {
  Stream stream(2);
  const Peaks peaks = measure_peaks(stream, {.time = std::chrono::milliseconds(10),
                                             .dram_buffer_bytes = 8 << 20,
                                             .buffer_bytes = 1 << 20});
  const CpuFeatures& cpu = cpu_features();
  // Any processor with AVX2 does one 8-wide multiply-add per cycle; none does 1000 at 10 GHz.
  EXPECT_GT(peaks.f32_flops, 1e9);
  EXPECT_LT(peaks.f32_flops, 2e13);
  EXPECT_EQ(peaks.amx_bf16_flops > 0, cpu.amx_bf16);
  EXPECT_EQ(peaks.amx_int8_ops > 0, cpu.amx_int8);
  EXPECT_EQ(peaks.fp16_flops > 0, cpu.avx512_fp16);
  EXPECT_EQ(peaks.bf16_dot_flops > 0, cpu.avx512_bf16);
  EXPECT_EQ(peaks.int8_ops > 0, cpu.avx512_vnni);
  EXPECT_GT(peaks.dram_bytes, 1e8);
  EXPECT_LT(peaks.dram_bytes, 1e13);
  EXPECT_GT(peaks.buffer_bytes, 1e8);
}

TEST(Peaks, QuickMeasuresOnlyWhatProductsMultiplyIn) {
  Stream stream(1);
  const auto begin = std::chrono::steady_clock::now();
  const Peaks peaks = measure_peaks(stream, {.time = std::chrono::milliseconds(20), .quick = true});
  EXPECT_GT(peaks.f32_flops, 1e9);
  EXPECT_EQ(peaks.int8_ops, 0);
  EXPECT_EQ(peaks.dram_bytes, 0);
  // 2 GiB of memory would take longer than this to write and read.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

// A stream of two workers does about twice the work of one where two processors are free; it must
// never be counted as less than one worker's.
TEST(Peaks, CountsAllWorkers) {
  Stream one(1), two(2);
  const PeakOptions options{.time = std::chrono::milliseconds(40), .quick = true};
  EXPECT_GT(measure_peaks(two, options).f32_flops, 0.6 * measure_peaks(one, options).f32_flops);
}

}  // namespace
}  // namespace stemma
