// What `bench` measures and how it reports it; bench.cc has the commands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/model_flags.h"
#include "device/peaks.h"
#include "device/stream.h"
#include "ops/tape.h"

namespace stemma::cli {

struct BenchOptions {
  ModelFlags model;
  std::int64_t batch = 1, micro_batch = 0, seq = 512, steps = 0, warmup = -1, recompute = 0;
  bool json = false;
};

// What one kind of bench found, before it is set against the machine's peaks.
struct Measured {
  std::vector<double> seconds;  // of each step
  double tokens = 0, flop = 0;  // of one step
  double bytes = 0;             // read by one step; 0: the FLOP peak is the yardstick
  std::uint64_t peak_memory = 0;
  ops::Numerics numerics = {};                 // what it ran in
  std::vector<ops::TapeReportLine> kept = {};  // training: what the tape keeps
};

// `what`: "train", "prefill" or "decode". Fewer steps when a signal came.
Measured measure(const BenchOptions& o, const std::string& what, Stream& stream);

// What the step is set against: of decode the rate at which as many bytes are read again and again
// (DRAM's where that was not measured), otherwise the peak of the multiply type. In units of m's
// bytes or flop a second.
double yardstick(const Measured& measured, const Peaks& peaks);

// That in words: "multiply peak", "rate of reading 548 MB (cache)".
std::string yardstick_name(const Measured& measured, const Peaks& peaks);

// The object that --json prints: medians over the steps, shares of the peaks.
Json bench_json(const BenchOptions& o, const std::string& what, const Measured& measured,
                const Peaks& peaks);

}  // namespace stemma::cli
