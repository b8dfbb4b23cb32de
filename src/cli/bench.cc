#include "infer/bench.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/threads.h"
#include "checkpoint/checkpoint_source.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/peaks_json.h"
#include "device/cpu.h"
#include "infer/packed_source.h"
#include "nn/fresh_weights.h"
#include "train/bench.h"

namespace stemma::cli {
namespace {

struct Options {
  ModelFlags model;
  std::int64_t batch = 1, micro_batch = 0, seq = 512, steps = 0, warmup = -1, recompute = 0;
  bool json = false;
};

// What one kind of bench found, before it is set against the machine's peaks.
struct Measured {
  std::vector<double> seconds;  // of each step
  double tokens = 0, flop = 0;  // of one step
  double bytes = 0;             // of one step; 0: the FLOP peak is the yardstick
  std::size_t weight_bytes = 0;
  std::uint64_t peak_memory = 0;
};

Measured measure_train(const Options& o, const FoundModel& found, const ops::Numerics& numerics,
                       Stream& stream) {
  train::BenchSettings s;
  s.batch = o.batch;
  s.micro_batch = o.micro_batch;
  s.sequence_length = o.seq;
  if (o.steps > 0) s.steps = o.steps;
  if (o.warmup >= 0) s.warmup = o.warmup;
  s.numerics = numerics;
  s.recompute = static_cast<ops::Recompute>(o.recompute);
  std::unique_ptr<nn::WeightSource> weights = std::make_unique<nn::FreshWeights>(1);
  if (found.folder)
    weights =
        std::make_unique<checkpoint::CheckpointSource>(*found.folder, checkpoint::Memory::shared);
  Measured m;
  m.seconds = train::bench_steps(found.config, s, *weights, stream);
  m.tokens = static_cast<double>(o.batch * o.seq);
  m.flop = m.tokens * found.config.training_flop_per_token(o.seq);
  m.peak_memory = peak_memory_bytes();
  return m;
}

Measured measure_inference(const Options& o, const FoundModel& found, bool decode) {
  infer::ModelOptions options = o.model.options();
  const infer::LoadedModel model = found.folder ? infer::LoadedModel::open(options)
                                                : infer::LoadedModel::random(found.config, options);
  infer::BenchSettings s;
  s.batch = o.batch;
  s.context = o.seq;
  s.steps = o.steps > 0 ? o.steps : decode ? 32 : 5;
  if (o.warmup >= 0) s.warmup = o.warmup;
  Measured m;
  m.seconds = decode ? infer::bench_decode(model, s) : infer::bench_prefill(model, s);
  m.tokens = static_cast<double>(decode ? o.batch : o.batch * o.seq);
  m.flop = decode ? infer::decode_flop(found.config, o.batch, o.seq)
                  : infer::prefill_flop(found.config, o.batch, o.seq);
  const DType storage = infer::weight_storage_named(o.model.weights);
  if (decode) m.bytes = infer::decode_bytes(model, storage, s);
  m.weight_bytes = static_cast<std::size_t>(found.config.parameters()) * size_of(storage);
  m.peak_memory = peak_memory_bytes();
  return m;
}

Json report(const Options& o, const std::string& what, const Measured& m, const Peaks& peaks,
            const ops::Numerics& numerics) {
  std::vector<double> sorted = m.seconds;
  std::sort(sorted.begin(), sorted.end());
  const double median = 0.5 * (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]);
  const double share = m.bytes > 0 ? m.bytes / median / peaks.dram_bytes
                                   : m.flop / median / multiply_peak(peaks, numerics);
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
                           {"precision", to_string(numerics.multiply)},
                           {"weights", what == "train" ? "f32" : o.model.weights},
                           {"kernels", to_string(kernel_path())},
                           {"step_seconds", std::move(steps)},
                           {"peaks", peaks_json(peaks)}});
  if (what == "train") out.set("recompute", o.recompute);
  if (m.bytes > 0) out.set("bytes_per_s", m.bytes / median);
  return out;
}

int run(const Options& o, const std::string& what) {
  const FoundModel found = find_model(o.model.model);
  found.config.validate();
  const ops::Numerics numerics = ops::numerics_named(o.model.precision);
  Stream stream(o.model.threads > 0 ? static_cast<int>(o.model.threads) : available_threads());
  const Measured m = what == "train" ? measure_train(o, found, numerics, stream)
                                     : measure_inference(o, found, what == "decode");
  if (m.seconds.empty()) return interrupted_or_done();
  // After the bench: the buffers of the measurement are no memory of the model's.
  const Peaks peaks = measure_peaks(stream, peak_options(m.weight_bytes));
  Json out = report(o, what, m, peaks, numerics);
  out.set("threads", stream.workers().count());
  if (o.json) return print_json(out);
  print(fmt::format("{} {}: {}, {:.3f} TFLOP/s, {:.0f} % of the {} peak; {} at most\n", what,
                    o.model.model, format_rate(out.at("tokens_per_s").as_double(), "tokens"),
                    out.at("tflops").as_double(), 100 * out.at("share_of_peak").as_double(),
                    m.bytes > 0 ? "DRAM" : "multiply", format_bytes(m.peak_memory)));
  return interrupted_or_done();
}

void add_one(Program& program, const std::string& what, const std::string& summary,
             const std::string& about) {
  auto o = std::make_shared<Options>();
  Command& c = program.add("bench " + what, summary);
  c.about = about +
            " The figure is the median of the timed steps; share_of_peak is of what this "
            "machine reached in the same run. Weights are random where only a name or a "
            "config.json is given.";
  c.examples = {fmt::format("stemma bench {} --model gpt2 --batch 1 --seq 512 --json", what)};
  c.options.add(
      {"model",
       "a published size (gpt1, gpt2, gpt2-355m, ...), a config.json, a model or run folder",
       "gpt2"},
      o->model.model);
  c.options.add({"batch", "sequences at once", "4"}, o->batch, {1, 1 << 20});
  c.options.add(
      {"seq", what == "decode" ? "tokens before the new one" : "tokens of a sequence", "512"},
      o->seq, {1, 1 << 20});
  c.options.add({"steps", "timed steps; 0: 5, decode 32", "10"}, o->steps, {0, 1'000'000});
  c.options.add({"warmup", "steps before those; negative: 1, train 2", "3"}, o->warmup,
                {-1, 1'000'000});
  declare_precision(o->model.precision, c.options);
  if (what == "train") {
    c.options.add({"micro_batch", "sequences at a time, a divisor of batch; 0: batch", "1"},
                  o->micro_batch, {0, 1 << 20});
    c.options.add(
        {"recompute", "0: keep all, 1: drop norm and GELU outputs, 2: keep block inputs only", "1"},
        o->recompute, {0, 2});
  } else {
    declare_weights(o->model.weights, c.options);
  }
  declare_threads(o->model.threads, c.options);
  declare_json(o->json, c.options);
  c.required = {"model"};
  c.run = [o, what] { return run(*o, what); };
}

}  // namespace

void add_bench(Program& program) {
  add_one(program, "train", "how fast a model trains here",
          "Times whole training steps (forward, backward, AdamW) on random ids.");
  add_one(program, "prefill", "how fast a model reads a prompt here",
          "Times reading prompts of --seq tokens, with the head for the last token only.");
  add_one(
      program, "decode", "how fast a model writes here",
      "Times one greedy token for each of --batch sequences after --seq tokens; the share is of "
      "the memory's rate, since decoding reads all weights and the cache for every token.");
}

}  // namespace stemma::cli
