#include "cli/machine/peaks_json.h"

#include "device/memory.h"

namespace stemma::cli {

PeakOptions peak_options(std::size_t read_bytes) {
  PeakOptions options;
  options.read_buffer_bytes = read_bytes;
  // Twice the buffer, so that measuring cannot push the machine into swapping.
  if (available_memory_bytes() < 2 * options.dram_buffer_bytes) options.dram_buffer_bytes = 0;
  if (available_memory_bytes() < 2 * read_bytes) options.read_buffer_bytes = 0;
  return options;
}

Json peaks_json(const Peaks& peaks) {
  const auto figure = [](double value) { return value > 0 ? Json(value) : Json(); };
  Json read;
  if (peaks.read_bytes > 0)
    read = Json::object({{"bytes", static_cast<std::int64_t>(peaks.read_buffer_bytes)},
                         {"rate", peaks.read_bytes},
                         {"level", read_level(peaks)}});
  return Json::object({{"f32", figure(peaks.f32_flops)},
                       {"fp16", figure(peaks.fp16_flops)},
                       {"bf16_dot", figure(peaks.bf16_dot_flops)},
                       {"bf16_amx", figure(peaks.amx_bf16_flops)},
                       {"int8_vnni", figure(peaks.int8_ops)},
                       {"int8_amx", figure(peaks.amx_int8_ops)},
                       {"dram", figure(peaks.dram_bytes)},
                       {"read", std::move(read)}});
}

double multiply_peak(const Peaks& peaks, const ops::Numerics& numerics) {
  return stemma::multiply_peak(peaks, numerics.multiply == kernels::Multiply::bf16);
}

}  // namespace stemma::cli
