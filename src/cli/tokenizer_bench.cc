#include "text/tokenizer_bench.h"

#include <memory>

#include <fmt/format.h>

#include "base/file.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/peaks_json.h"
#include "device/memory.h"
#include "text/encode_batch.h"

namespace stemma::cli {
namespace {

constexpr std::size_t kSyntheticBytes = 20'000'000;

struct Options {
  std::vector<std::string> tokenizers = {"r50k_base", "cl100k_base", "o200k_base"};
  std::vector<std::string> inputs;
  std::int64_t runs = 5, threads = 0;
  bool hostile = false, skip_memory = false, json = false;
};

Json spread_json(const Spread& s) {
  return Json::object({{"median", s.median}, {"min", s.min}, {"max", s.max}});
}

Json rates_json(const TextRates& r, double main_rate) {
  Json out = Json::object({{"text", r.text},
                           {"bytes", r.bytes},
                           {"tokens", r.tokens},
                           {"encode_bytes_per_s", spread_json(r.encode)},
                           {"decode_bytes_per_s", spread_json(r.decode)},
                           {"encode_relative", r.encode.median / main_rate}});
  if (r.parallel.median > 0) out.set("parallel_bytes_per_s", spread_json(r.parallel));
  return out;
}

Json result_json(const Options& o, const std::vector<TokenizerRates>& results) {
  Json tokenizers{Json::Array{}};
  for (const TokenizerRates& one : results) {
    Json texts{Json::Array{}};
    for (const TextRates& r : one.texts)
      texts.push_back(rates_json(r, one.texts.front().encode.median));
    tokenizers.push_back(Json::object({{"tokenizer", one.tokenizer},
                                       {"load_seconds", spread_json(one.load_seconds)},
                                       {"texts", std::move(texts)}}));
  }
  return Json::object({{"runs", o.runs},
                       {"synthetic", o.inputs.empty()},
                       {"tokenizers", std::move(tokenizers)},
                       {"peak_memory_bytes", peak_memory_bytes()}});
}

// After the bench: these buffers are no memory of the tokenizers'.
Json memory_json() {
  Stream one_core(1);
  return Json::object({{"read_bytes_per_s", measure_peaks(one_core, peak_options(0)).dram_bytes},
                       {"copy_bytes_per_s", copy_bytes_per_s()}});
}

std::string megabytes(const Spread& s) {
  if (s.median == 0) return "-";
  return fmt::format("{:.1f} ({:.1f}-{:.1f})", s.median / 1e6, s.min / 1e6, s.max / 1e6);
}

std::string for_people(const Json& out, const std::vector<TokenizerRates>& results) {
  std::string text =
      fmt::format("{:<14} {:<16} {:>22} {:>22} {:>22} {:>9}\n", "tokenizer", "text", "encode MB/s",
                  fmt::format("{} threads", out.at("threads").as_int()), "decode MB/s", "relative");
  for (const TokenizerRates& one : results)
    for (const TextRates& r : one.texts)
      text += fmt::format("{:<14} {:<16} {:>22} {:>22} {:>22} {:>9.2f}\n", one.tokenizer, r.text,
                          megabytes(r.encode), megabytes(r.parallel), megabytes(r.decode),
                          r.encode.median / one.texts.front().encode.median);
  text += "loading:";
  for (const TokenizerRates& one : results)
    text +=
        fmt::format(" {} {:.1f} ms ({:.1f}-{:.1f})", one.tokenizer, 1e3 * one.load_seconds.median,
                    1e3 * one.load_seconds.min, 1e3 * one.load_seconds.max);
  const std::uint64_t peak = static_cast<std::uint64_t>(out.at("peak_memory_bytes").as_int());
  text += fmt::format("\npeak memory {}\n", format_bytes(peak));
  const Json* memory = out.find("memory");
  if (memory == nullptr) return text;
  return text + fmt::format("one core reads {:.1f} GB/s, copies {:.1f} GB/s\n",
                            memory->at("read_bytes_per_s").as_double() / 1e9,
                            memory->at("copy_bytes_per_s").as_double() / 1e9);
}

int run(const Options& o) {
  std::vector<MappedFile> files;
  std::vector<BenchText> texts;
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
  const std::string synthetic = o.inputs.empty() ? synthetic_text(kSyntheticBytes) : "";
  if (o.inputs.empty()) texts.push_back({"synthetic", synthetic});
  const std::vector<HostileText> hostile = o.hostile ? hostile_texts() : std::vector<HostileText>();
  for (const HostileText& one : hostile) texts.push_back({one.name, one.text});

  TokenizerBenchOptions options;
  options.runs = static_cast<int>(o.runs);
  Workers workers(o.threads > 0 ? static_cast<int>(o.threads) : available_threads());
  if (workers.count() > 1)
    options.parallel = [&](const Tokenizer& tokenizer, std::string_view text, auto& ids) {
      encode_parallel(tokenizer, text, workers, ids);
    };
  const std::vector<TokenizerRates> results = bench_tokenizers(o.tokenizers, texts, options);
  if (interrupted_or_done() != kDone) return interrupted_or_done();
  Json out = result_json(o, results);
  out.set("threads", workers.count());
  if (!o.skip_memory) out.set("memory", memory_json());
  if (o.json) return print_json(out);
  if (o.inputs.empty()) print("no --input: a text of made-up words, faster than real ones\n");
  print(for_people(out, results));
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_bench(Program& program) {
  auto o = std::make_shared<Options>();
  Command& c = program.add("tokenizer bench", "how fast tokenizers load, encode and decode here");
  c.about =
      "Encodes and decodes each file as one text on one core, timed by the thread's processor "
      "time; "
      "the figures are medians of --runs runs with the least and the most, in 10^6 bytes of text a "
      "second, and the tokenizers take turns. `relative` sets a text's encoding rate against the "
      "first text's. --hostile adds what slow encoders fail on: one letter 10^7 times, a million "
      "spaces, emoji, base64, random bytes.";
  c.examples = {"stemma tokenizer bench --tokenizer r50k_base o200k_base --input book.txt",
                "stemma tokenizer bench --hostile --json"};
  c.options.add({"tokenizer", "names (gpt2), tokenizer.json files or folders", "gpt2"},
                o->tokenizers);
  c.options.add({"input", "files to encode; none: 20 MB of made-up words", "book.txt"}, o->inputs);
  c.options.add({"runs", "runs that count, after one that does not", "5"}, o->runs, {1, 1000});
  c.options.add({"hostile", "measure hostile texts too", "true"}, o->hostile);
  c.options.add({"skip_memory", "do not measure what one core reads and copies", "true"},
                o->skip_memory);
  declare_threads(o->threads, c.options);
  declare_json(o->json, c.options);
  c.run = [o] { return run(*o); };
}

}  // namespace stemma::cli
