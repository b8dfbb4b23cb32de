// What this machine can do at most, measured: the yardstick of `doctor`, `bench` and the share of
// the peak on the progress line. Nothing here is a data sheet's figure.
//
//   Stream stream(2);
//   const Peaks peaks = measure_peaks(stream, {});
//   if (peaks.amx_bf16_flops > 0) ...
//
// Loops that live in registers run on all workers of the stream at once; the figure is the sum of
// each worker's best rate by its own processor time, so other programs do not lower it. Memory is
// read by all workers at once, in wall time, best of several rounds.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "device/stream.h"

namespace stemma {

// Operations per second of all workers together, a multiply-add being two; bytes per second. 0: the
// machine does not have it, or it was not asked for.
struct Peaks {
  double f32_flops = 0;               // FMA, of the widest vectors
  double fp16_flops = 0;              // AVX512-FP16 FMA
  double bf16_dot_flops = 0;          // AVX512-BF16 dot product
  double int8_ops = 0;                // AVX512-VNNI dot product
  double amx_bf16_flops = 0;          // AMX tiles
  double amx_int8_ops = 0;            // AMX tiles
  double dram_bytes = 0;              // reading a buffer of PeakOptions::dram_buffer_bytes
  double read_bytes = 0;              // reading a buffer of read_buffer_bytes again and again
  std::size_t read_buffer_bytes = 0;  // 0: not measured
};

struct PeakOptions {
  std::chrono::milliseconds time{100};  // of each measurement, about
  // Only what products multiply in: f32, and bf16 where the machine has instructions for it. No
  // memory.
  bool quick = false;
  // 0: not measured. At least 2 GiB, caches being large; it is allocated for the measurement.
  std::size_t dram_buffer_bytes = std::size_t{2} << 30;
  // A second buffer, as large as what a program reads again and again: the weights and the cache of
  // a model that writes. A cache of the machine may hold it.
  std::size_t read_buffer_bytes = 0;
};

// Where a buffer of read_buffer_bytes comes from when it is read again and again: "cache" where it
// was read more than a quarter faster than DRAM, wholly or partly from a cache; "DRAM" otherwise;
// "unknown" where one of the two was not measured. By the rates and not by the sizes, because
// virtual machines hide how large the caches are that they share.
std::string_view read_level(const Peaks& peaks);

// On the calling thread and the stream's workers. Throws out_of_memory.
Peaks measure_peaks(Stream& stream, const PeakOptions& options);

// The peak of what matrix products multiply in on kernel_path(), in FLOP/s; `bf16`: those that
// multiply in bf16, which are f32 multiply-adds where the path has no instruction of its own.
double multiply_peak(const Peaks& peaks, bool bf16);

}  // namespace stemma
