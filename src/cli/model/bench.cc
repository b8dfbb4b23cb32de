
#include <memory>

#include <fmt/format.h>

#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/machine/peaks_json.h"
#include "cli/model/bench_report.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"

namespace stemma::cli {
namespace {

int run_bench(const BenchOptions& o, const std::string& what) {
  Stream stream(o.model.threads > 0 ? static_cast<int>(o.model.threads) : available_threads());
  const Measured m = measure(o, what, stream);
  if (process_interrupt().requested()) return interrupted_or_done();
  // After the bench: the buffers of the measurement are no memory of the model's.
  const Peaks peaks = measure_peaks(stream, peak_options(static_cast<std::size_t>(m.bytes)));
  Json out = bench_json(o, what, m, peaks);
  out.set("threads", stream.workers().count());
  if (o.json) return print_json(out);
  print(fmt::format("{} {}: {}, {:.3f} TFLOP/s, {:.0f} % of the {}; {} at most\n", what,
                    o.model.model, format_rate(out.at("tokens_per_s").as_double(), "tokens"),
                    out.at("tflops").as_double(), 100 * out.at("share_of_peak").as_double(),
                    yardstick_name(m, peaks), format_bytes(m.peak_memory)));
  if (!m.kept.empty()) print("kept for the backward pass of a micro-batch:\n");
  for (const ops::TapeReportLine& line : m.kept)
    print(fmt::format("  {:<16} {:>4} x  {}\n", line.operation, line.count,
                      format_bytes(line.bytes)));
  return interrupted_or_done();
}

void add_one(Program& program, const std::string& what, const std::string& summary,
             const std::string& about) {
  auto o = std::make_shared<BenchOptions>();
  Command& c = program.add("bench " + what, summary);
  c.about = about +
            " The figure is the median of the timed steps; share_of_peak is of what this "
            "machine reached in the same run. Weights are random where only a name or a "
            "config.json is given.";
  c.examples = {fmt::format("stemma bench {} --model gpt2 --batch 1 --seq 512 --json", what)};
  c.options.add_path(model_help(), o->model.model);
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
    declare_cache_type(o->model.cache_type, c.options);
  }
  declare_threads(o->model.threads, c.options);
  declare_json(o->json, c.options);
  c.required = {"model"};
  c.run = [o, what] { return run_bench(*o, what); };
}

}  // namespace

void add_bench(Program& program) {
  add_one(program, "train", "how fast a model trains here",
          "Times whole training steps (forward, backward, AdamW) on random ids.");
  add_one(program, "prefill", "how fast a model reads a prompt here",
          "Times reading prompts of --seq tokens, with the head for the last token only.");
  add_one(
      program, "decode", "how fast a model writes here",
      "Times one greedy token for each of --batch sequences after --seq tokens. Decoding reads all "
      "weights and the cache for every token; the share is of the rate at which this machine reads "
      "a buffer of that size again and again, and the report says whether that is DRAM's or a "
      "cache's (peaks.read).");
}

}  // namespace stemma::cli
