#include "cli/model/bench_report.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/progress.h"
#include "checkpoint/stored_model.h"
#include "cli/machine/peaks_json.h"
#include "cli/signals.h"
#include "device/cpu.h"
#include "device/memory.h"
#include "infer/bench.h"
#include "models/cost.h"
#include "nn/fresh_weights.h"
#include "nn/packed_weights.h"
#include "train/bench.h"

namespace stemma::cli {
namespace {

Measured measure_train(const BenchOptions& o, const FoundModel& found, Stream& stream) {
  train::BenchSettings s;
  s.batch = o.batch;
  s.micro_batch = o.micro_batch;
  s.sequence_length = o.seq;
  if (o.steps > 0) s.steps = o.steps;
  if (o.warmup >= 0) s.warmup = o.warmup;
  s.numerics = ops::numerics_named(o.model.precision, stream.device());
  s.interrupt = process_interrupt();
  s.recompute = static_cast<ops::Recompute>(o.recompute);
  std::unique_ptr<nn::WeightSource> weights = std::make_unique<nn::FreshWeights>(1);
  if (found.path)
    weights = checkpoint::open_stored_model(*found.path, checkpoint::WithTokenizer::no).source;
  Measured m;
  m.numerics = s.numerics;
  train::BenchResult result = train::bench_steps(found.config, s, *weights, stream);
  m.seconds = std::move(result.seconds);
  m.kept = std::move(result.memory);
  m.tokens = static_cast<double>(o.batch * o.seq);
  m.flop = m.tokens * ModelCost(found.config).training_flop_per_token(o.seq);
  m.peak_memory = peak_memory_bytes();
  return m;
}

Measured measure_inference(const BenchOptions& o, const FoundModel& found, bool decode) {
  infer::ModelOptions options = o.model.options();
  const infer::LoadedModel model = found.path ? infer::LoadedModel::open(options)
                                              : infer::LoadedModel::random(found.config, options);
  infer::BenchSettings s;
  s.interrupt = process_interrupt();
  s.batch = o.batch;
  s.context = o.seq;
  s.steps = o.steps > 0 ? o.steps : decode ? 32 : 5;
  if (o.warmup >= 0) s.warmup = o.warmup;
  Measured m;
  m.numerics = model.numerics();
  m.seconds = decode ? infer::bench_decode(model, s) : infer::bench_prefill(model, s);
  m.tokens = static_cast<double>(decode ? o.batch : o.batch * o.seq);
  const ModelCost cost(found.config);
  m.flop = decode ? cost.decode_flop(o.batch, o.seq) : cost.prefill_flop(o.batch, o.seq);
  const auto stored = static_cast<double>(size_of(nn::weight_storage_named(o.model.weights)));
  const auto cached = static_cast<double>(size_of(model.numerics().cache));
  if (decode) m.bytes = cost.decode_bytes(stored, cached, o.batch, o.seq);
  m.peak_memory = peak_memory_bytes();
  return m;
}

Json kept_json(const std::vector<ops::TapeReportLine>& lines) {
  Json list{Json::Array{}};
  for (const ops::TapeReportLine& line : lines)
    list.push_back(Json::object({{"operation", line.operation},
                                 {"count", line.count},
                                 {"bytes", static_cast<std::int64_t>(line.bytes)}}));
  return list;
}

}  // namespace

Measured measure(const BenchOptions& o, const std::string& what, Stream& stream) {
  const FoundModel found = find_model(o.model.model);
  // Training keeps the weight, its gradient and two moments, in f32.
  const auto stored = static_cast<double>(size_of(nn::weight_storage_named(o.model.weights)));
  ModelCost(found.config).require_memory(what == "train" ? 16.0 : stored);
  return what == "train" ? measure_train(o, found, stream)
                         : measure_inference(o, found, what == "decode");
}

double yardstick(const Measured& m, const Peaks& peaks) {
  if (m.bytes <= 0) return multiply_peak(peaks, m.numerics);
  return peaks.read_bytes > 0 ? peaks.read_bytes : peaks.dram_bytes;
}

std::string yardstick_name(const Measured& m, const Peaks& peaks) {
  if (m.bytes <= 0) return "multiply peak";
  if (peaks.read_bytes <= 0) return "DRAM's rate";
  return fmt::format("rate of reading {} ({})", format_bytes(peaks.read_buffer_bytes),
                     read_level(peaks));
}

Json bench_json(const BenchOptions& o, const std::string& what, const Measured& m,
                const Peaks& peaks) {
  std::vector<double> sorted = m.seconds;
  std::sort(sorted.begin(), sorted.end());
  const double median = 0.5 * (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]);
  const double share = (m.bytes > 0 ? m.bytes : m.flop) / median / yardstick(m, peaks);
  Json steps{Json::Array{}};
  for (const double s : m.seconds) steps.push_back(s);
  Json out = Json::object({{"bench", what},
                           {"model", o.model.model},
                           {"batch", o.batch},
                           {"seq", o.seq},
                           {"tokens_per_s", m.tokens / median},
                           {"tflops", m.flop / median / 1e12},
                           {"share_of_peak", share},
                           {"peak_memory_bytes", static_cast<std::int64_t>(m.peak_memory)},
                           {"precision", to_string(m.numerics.multiply)},
                           {"weights", what == "train" ? "f32" : o.model.weights},
                           {"kernels", to_string(kernel_path())},
                           {"step_seconds", std::move(steps)},
                           {"peaks", peaks_json(peaks)}});
  if (what == "train") {
    out.set("recompute", o.recompute);
    out.set("kept_for_backward", kept_json(m.kept));
  }
  if (m.bytes > 0) out.set("bytes_per_s", m.bytes / median);
  return out;
}

}  // namespace stemma::cli
