// Attention of GPT-2 124M: B = 4, T = 1024, H = 12, D = 64, causal, q, k, v slices of one product.
// FLOP are counted on the causal half: per pair (query, visible key) 4·D forward, 10·D backward.
// `flops` is FLOP/s, `share` its part of the f32 peak that the same threads reach just after.
//
//   attention_bench --benchmark_filter=forward
//
// `patterns` compares the patterns on one sequence of the same model, forward, and forward with
// backward: T doubles from 1,024 to 16,384 (or to --longest). It prints a table, and the same as
// CSV where a file is named. `pairs`: (query, visible key) of one head. `tensor_bytes`: arguments
// of the kernels; `scratch_bytes`: memory that they took for themselves, at most, all workers
// together.
//
//   attention_bench patterns --longest 4096 --k 256 --csv patterns.csv
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "device/peaks.h"
#include "kernels/attention.h"

namespace stemma::kernels {
namespace {

constexpr std::int64_t kHeads = 12, kSize = 64, kChannels = kHeads * kSize;

struct Setting {
  AttentionSpec spec;
  std::vector<AttentionSequence> sequences;
  AttentionForward forward;
  AttentionBackward backward;
  double pairs = 0;

  Setting(std::int64_t batch, std::int64_t queries, std::int64_t keys, DType type, float dropout) {
    spec.heads = kHeads;
    spec.head_size = kSize;
    spec.scale = 0.125f;
    spec.dropout = dropout;
    const Tensor qkv = Tensor::zeros({batch * keys, 3 * kChannels}, type);
    for (std::int64_t i = 0; i < qkv.elements(); ++i) {
      const float value = std::sin(0.37f * static_cast<float>(i % 100003));
      if (type == DType::f32)
        qkv.data<float>()[i] = value;
      else
        qkv.data<bf16>()[i] = to_bf16(value);
    }
    for (std::int64_t b = 0; b < batch; ++b) {
      sequences.push_back({b * queries, (b + 1) * queries, keys, keys - queries, b, b * keys});
      pairs += static_cast<double>(kHeads * queries * (2 * keys - queries + 1)) / 2;
    }
    forward.q = qkv.columns(0, kChannels).slice_rows(0, batch * queries);
    forward.k = qkv.columns(kChannels, 2 * kChannels);
    forward.v = qkv.columns(2 * kChannels, 3 * kChannels);
    forward.out = Tensor::zeros({batch * queries, kChannels}, DType::f32);
    forward.lse = Tensor::zeros({batch * queries, kHeads}, DType::f32);
    forward.sequences = sequences;
  }

  void prepare_backward(Stream& stream) {
    attention_forward(stream, spec, forward);
    const std::int64_t rows = forward.q.rows();
    const Tensor dqkv = Tensor::zeros({rows, 3 * kChannels}, DType::f32);
    const Tensor dout = Tensor::zeros({rows, kChannels}, DType::f32);
    for (std::int64_t i = 0; i < dout.elements(); ++i)
      dout.data<float>()[i] = std::cos(0.11f * static_cast<float>(i % 100003));
    backward = {dout,
                forward.q,
                forward.k,
                forward.v,
                forward.out,
                forward.lse,
                sequences,
                {dqkv.columns(0, kChannels), false},
                {dqkv.columns(kChannels, 2 * kChannels), false},
                {dqkv.columns(2 * kChannels, 3 * kChannels), false}};
  }
};

void report(benchmark::State& state, Stream& stream, double flop) {
  const double peak = measure_peaks(stream, {.quick = true}).f32_flops;
  state.counters["share"] =
      benchmark::Counter(flop / peak, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["flops"] = benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
}

// Arguments: threads, dropout in percent, bf16 or not.
void forward(benchmark::State& state) {
  Stream stream(static_cast<int>(state.range(0)));
  Setting setting(4, 1024, 1024, state.range(2) ? DType::bf16 : DType::f32,
                  static_cast<float>(state.range(1)) / 100);
  for (auto _ : state) attention_forward(stream, setting.spec, setting.forward);
  report(state, stream, setting.pairs * 4 * kSize);
}
void backward(benchmark::State& state) {
  Stream stream(static_cast<int>(state.range(0)));
  Setting setting(4, 1024, 1024, state.range(2) ? DType::bf16 : DType::f32,
                  static_cast<float>(state.range(1)) / 100);
  setting.prepare_backward(stream);
  for (auto _ : state) attention_backward(stream, setting.spec, setting.backward);
  report(state, stream, setting.pairs * 10 * kSize);
}
// One query for each of 4 sequences of 1024 keys; `bytes` of keys and values per second.
void decode(benchmark::State& state) {
  Stream stream(static_cast<int>(state.range(0)));
  const DType type = state.range(1) ? DType::bf16 : DType::f32;
  Setting setting(4, 1, 1024, type, 0);
  for (auto _ : state) attention_forward(stream, setting.spec, setting.forward);
  state.counters["bytes"] =
      benchmark::Counter(static_cast<double>(4 * 1024 * 2 * kChannels) * double(size_of(type)),
                         benchmark::Counter::kIsIterationInvariantRate);
}

#define STEMMA_TIMED(...) BENCHMARK(__VA_ARGS__)->Unit(benchmark::kMillisecond)->UseRealTime()
STEMMA_TIMED(forward)
    ->ArgNames({"threads", "dropout", "bf16"})
    ->ArgsProduct({{1, 2}, {0}, {0}})
    ->Args({2, 10, 0})
    ->Args({2, 0, 1});
STEMMA_TIMED(backward)
    ->ArgNames({"threads", "dropout", "bf16"})
    ->ArgsProduct({{1, 2}, {0}, {0}})
    ->Args({2, 10, 0})
    ->Args({2, 0, 1});
STEMMA_TIMED(decode)->ArgNames({"threads", "bf16"})->ArgsProduct({{1, 2}, {0, 1}});

// ---- Patterns ----

double seconds_of(const std::function<void()>& work) {
  work();
  double best = 1e300, spent = 0;
  for (int run = 0; run < 20 && (run < 3 || spent < 0.5); ++run) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const double s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, s);
    spent += s;
  }
  return best;
}

std::int64_t visible_pairs(const AttentionPattern& pattern, std::int64_t tokens) {
  using Kind = AttentionPattern::Kind;
  std::int64_t pairs = 0;
  for (std::int64_t i = 0; i < tokens; ++i) {
    const std::int64_t window = std::min(i + 1, pattern.k), stripe = i / pattern.k + 1;
    if (pattern.kind == Kind::dense) pairs += i + 1;
    if (pattern.kind == Kind::local) pairs += window;
    if (pattern.kind == Kind::dilated) pairs += stripe;
    if (pattern.kind == Kind::strided) pairs += window + stripe - 1;
  }
  return pairs;
}

struct PatternLine {
  std::string_view pattern;
  std::int64_t tokens;
  std::string_view pass;
  double milliseconds;
  std::int64_t pairs, tensor_bytes, scratch_bytes;
};

void measure_pattern(std::string_view name, const AttentionPattern& pattern, std::int64_t tokens,
                     std::vector<PatternLine>& lines) {
  for (const bool with_backward : {false, true}) {
    Stream stream(available_threads());
    Setting setting(1, tokens, tokens, DType::f32, 0);
    setting.spec.pattern = pattern;
    if (with_backward) setting.prepare_backward(stream);
    const double seconds = seconds_of([&] {
      attention_forward(stream, setting.spec, setting.forward);
      if (with_backward) attention_backward(stream, setting.spec, setting.backward);
    });
    // q, k, v and out, with backward also their gradients; the log of the sums.
    const std::int64_t floats = (with_backward ? 8 : 4) * kChannels + kHeads;
    lines.push_back({name, tokens, with_backward ? "forward+backward" : "forward", 1e3 * seconds,
                     visible_pairs(pattern, tokens), tokens * floats * 4,
                     static_cast<std::int64_t>(stream.scratch_bytes())});
    const PatternLine& line = lines.back();
    fmt::print("{:<8} {:>6} {:<16} {:>12.2f} {:>12} {:>14} {:>14}\n", line.pattern, line.tokens,
               line.pass, line.milliseconds, line.pairs, line.tensor_bytes, line.scratch_bytes);
    std::fflush(stdout);
  }
}

int compare_patterns(std::int64_t longest, std::int64_t k, const std::string& csv) {
  using Kind = AttentionPattern::Kind;
  fmt::print("H {}, D {}, k {}, f32, {} threads\n", kHeads, kSize, k, available_threads());
  fmt::print("{:<8} {:>6} {:<16} {:>12} {:>12} {:>14} {:>14}\n", "pattern", "T", "pass",
             "milliseconds", "pairs", "tensor_bytes", "scratch_bytes");
  std::vector<PatternLine> lines;
  for (std::int64_t tokens = 1024; tokens <= longest; tokens *= 2) {
    measure_pattern("dense", {Kind::dense, k}, tokens, lines);
    measure_pattern("local", {Kind::local, k}, tokens, lines);
    measure_pattern("dilated", {Kind::dilated, k}, tokens, lines);
    measure_pattern("strided", {Kind::strided, k}, tokens, lines);
  }
  if (csv.empty()) return 0;
  std::ofstream file(csv);
  file << "pattern,tokens,pass,milliseconds,pairs,tensor_bytes,scratch_bytes\n";
  for (const PatternLine& line : lines)
    file << fmt::format("{},{},{},{:.4f},{},{},{}\n", line.pattern, line.tokens, line.pass,
                        line.milliseconds, line.pairs, line.tensor_bytes, line.scratch_bytes);
  file.close();
  if (file) return 0;
  fmt::print(stderr, "cannot write {}\n", csv);
  return 3;
}

// What follows `patterns` on the command line.
int patterns_main(int count, char** arguments) {
  std::int64_t longest = 16384, k = 256;
  std::string csv;
  for (int i = 0; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    if (name == "--longest")
      longest = std::atoll(arguments[i + 1]);
    else if (name == "--k")
      k = std::atoll(arguments[i + 1]);
    else if (name == "--csv")
      csv = arguments[i + 1];
    else
      longest = 0;
  }
  if (count % 2 == 0 && longest >= 1024 && k >= 1) return compare_patterns(longest, k, csv);
  fmt::print(stderr, "attention_bench patterns [--longest T ≥ 1024] [--k K ≥ 1] [--csv FILE]\n");
  return 2;
}

}  // namespace
}  // namespace stemma::kernels

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "patterns")
    return stemma::kernels::patterns_main(argc - 2, argv + 2);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
