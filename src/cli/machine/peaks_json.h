// The machine's measured peaks as `bench` and `doctor` show them.
#pragma once

#include <cstddef>

#include "base/json.h"
#include "device/peaks.h"
#include "ops/context.h"

namespace stemma::cli {

// What to measure beside a program that reads so many bytes again and again (0: none). A buffer is
// left out where the machine has not the memory for it.
PeakOptions peak_options(std::size_t read_bytes);

// f32, fp16, bf16_dot, bf16_amx, int8_vnni, int8_amx (operations/s), dram (B/s), read {bytes, rate
// (B/s), level (read_level())}; null for what the machine has not or what was not measured.
Json peaks_json(const Peaks& peaks);

// The peak of what products multiply in, in FLOP/s.
double multiply_peak(const Peaks& peaks, const ops::Numerics& numerics);

}  // namespace stemma::cli
