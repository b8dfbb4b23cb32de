// Attention of GPT-2 124M: B = 4, T = 1024, H = 12, D = 64, causal, q, k, v slices of one product.
// FLOP are counted on the causal half: per pair (query, visible key) 4·D forward, 10·D backward.
// `flops` is FLOP/s, `share` its part of the f32 peak that the same threads reach just after.
//
//   attention_bench --benchmark_filter=forward
#include <cmath>
#include <vector>

#include <benchmark/benchmark.h>

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

}  // namespace
}  // namespace stemma::kernels

BENCHMARK_MAIN();
