#include <memory>

#include <fmt/format.h>

#include "base/file.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/machine/peaks_json.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/tokenizer/bench_report.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

constexpr std::size_t kSyntheticBytes = 20'000'000;

struct TokenizerBenchFlags {
  std::vector<std::string> tokenizers = {"r50k_base", "cl100k_base", "o200k_base"};
  std::vector<std::string> inputs;
  std::int64_t runs = 5, threads = 0;
  bool hostile = false, skip_memory = false, json = false;
};

// After the bench: these buffers are no memory of the tokenizers'.
Json memory_json() {
  Stream one_core(1);
  return Json::object({{"read_bytes_per_s", measure_peaks(one_core, peak_options(0)).dram_bytes},
                       {"copy_bytes_per_s", report::copy_bytes_per_s()}});
}

int run_tokenizer_bench(const TokenizerBenchFlags& o) {
  std::vector<MappedFile> files;
  std::vector<report::BenchText> texts;
  files.reserve(o.inputs.size());
  for (const std::string& input : o.inputs) {
    files.emplace_back(input);
    const std::string name = std::filesystem::path(input).filename();
    if (files.back().text().empty())
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[tokenizer bench] '{}' is empty: give a text to measure with", name));
    texts.push_back({name, files.back().text()});
  }
  const std::string synthetic = o.inputs.empty() ? report::synthetic_text(kSyntheticBytes) : "";
  if (o.inputs.empty()) texts.push_back({"synthetic", synthetic});
  const std::vector<report::HostileText> hostile =
      o.hostile ? report::hostile_texts() : std::vector<report::HostileText>();
  for (const report::HostileText& one : hostile) texts.push_back({one.name, one.text});

  report::TokenizerBenchOptions options;
  options.interrupt = process_interrupt();
  options.runs = static_cast<int>(o.runs);
  Workers workers(o.threads > 0 ? static_cast<int>(o.threads) : available_threads());
  if (workers.count() > 1) options.workers = &workers;
  const std::vector<report::TokenizerRates> results =
      report::bench_tokenizers(o.tokenizers, texts, options);
  if (interrupted_or_done() != kDone) return interrupted_or_done();
  Json out = tokenizer_bench_json(results);
  out.set("runs", o.runs);
  out.set("synthetic", o.inputs.empty());
  out.set("threads", workers.count());
  if (!o.skip_memory) out.set("memory", memory_json());
  if (o.json) return print_json(out);
  if (o.inputs.empty()) print("no --input: a text of made-up words, faster than real ones\n");
  print(tokenizer_bench_text(out, results));
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_bench(Program& program) {
  auto o = std::make_shared<TokenizerBenchFlags>();
  Command& c = program.add("tokenizer bench", "how fast tokenizers load, encode and decode here");
  c.about =
      "Encodes and decodes each file as one text on one core, timed by the thread's processor "
      "time, each run with a tokenizer opened anew; the figures are medians of --runs runs with "
      "the least and the most, in 10^6 bytes of text a second, and the tokenizers take turns. "
      "With --threads N the text is also encoded by N threads together, and by N threads apart, a "
      "text and a tokenizer each: that is what the machine gives. `relative` sets a text's "
      "encoding rate against the first text's. --hostile adds what slow encoders fail on: one "
      "letter 10^7 times, a million spaces, emoji, base64, random bytes.";
  c.examples = {"stemma tokenizer bench --tokenizer r50k_base o200k_base --input book.txt",
                "stemma tokenizer bench --hostile --json"};
  c.options.add_path(
      {"tokenizer",
       fmt::format("names ({}), tokenizer.json files or folders", default_tokenizer_name()),
       std::string(default_tokenizer_name())},
      o->tokenizers);
  c.options.add_path({"input", "files to encode; none: 20 MB of made-up words", "book.txt"},
                     o->inputs);
  c.options.add({"runs", "runs that count, after one that does not", "5"}, o->runs, {1, 1000});
  c.options.add({"hostile", "measure hostile texts too", "true"}, o->hostile);
  c.options.add({"skip_memory", "do not measure what one core reads and copies", "true"},
                o->skip_memory);
  declare_threads(o->threads, c.options);
  declare_json(o->json, c.options);
  c.run = [o] { return run_tokenizer_bench(*o); };
}

}  // namespace stemma::cli
