// Bandwidth of the row kernels: the bytes that a kernel has to read and write (a write counts
// once), over its time. Tensors of 4096 tokens by a model's width; the first line, a sum over 512
// MiB, is what the machine reads. On all threads; STEMMA_THREADS=1 gives one thread's share, and
// then "cpu" is what counts on a machine that is busy with other work.
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "device/stream.h"
#include "kernels/adamw.h"
#include "kernels/cross_entropy.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/layer_norm.h"

namespace stemma::kernels {
namespace {

constexpr std::int64_t kRows = 4096;

Tensor ones(std::int64_t rows, std::int64_t cols, DType type = DType::f32) {
  const Tensor t = Tensor::zeros({rows, cols}, type);
  if (type == DType::f32)
    for (std::int64_t i = 0; i < t.elements(); ++i)
      t.data<float>()[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  return t;
}

Tensor vector_of(std::int64_t n) { return ones(1, n).reshape({n}); }

// Runs `kernel`, which moves `bytes` per call.
template <class Kernel>
void measure(benchmark::State& state, std::int64_t bytes, Kernel&& kernel) {
  for (auto _ : state) kernel();
  state.SetBytesProcessed(state.iterations() * bytes);
}

void peak_sum_of_squares(benchmark::State& state) {
  Stream stream(available_threads());
  const Tensor x = ones(1, std::int64_t{1} << 27);
  measure(state, x.elements() * 4, [&] {
    benchmark::DoNotOptimize(
        sum_of_squares(stream, {x.data<float>(), static_cast<std::size_t>(x.elements())}));
  });
}
BENCHMARK(peak_sum_of_squares)->MeasureProcessCPUTime()->UseRealTime();

void layer_norm(benchmark::State& state) {
  Stream stream(available_threads());
  const std::int64_t cols = state.range(0);
  const Tensor x = ones(kRows, cols), y = ones(kRows, cols), gain = vector_of(cols),
               mean = vector_of(kRows), rstd = vector_of(kRows);
  measure(state, 2 * x.elements() * 4,
          [&] { layer_norm_forward(stream, x, gain, gain, 1e-5f, y, mean, rstd); });
}
BENCHMARK(layer_norm)->Arg(768)->Arg(1600)->MeasureProcessCPUTime()->UseRealTime();

void layer_norm_back(benchmark::State& state) {
  Stream stream(available_threads());
  const std::int64_t cols = state.range(0);
  const Tensor x = ones(kRows, cols), dy = ones(kRows, cols), dx = ones(kRows, cols),
               gain = vector_of(cols), mean = vector_of(kRows), rstd = vector_of(kRows),
               dgain = vector_of(cols), dbias = vector_of(cols);
  measure(state, 3 * x.elements() * 4, [&] {
    layer_norm_backward(stream, {dy, x, gain, mean, rstd, {dx}, {dgain}, {dbias}});
  });
}
BENCHMARK(layer_norm_back)->Arg(768)->Arg(1600)->MeasureProcessCPUTime()->UseRealTime();

void gelu(benchmark::State& state) {
  Stream stream(available_threads());
  const Activation kind = state.range(0) ? Activation::gelu_erf : Activation::gelu_tanh;
  const Tensor x = ones(kRows, 3072), y = ones(kRows, 3072);
  measure(state, 2 * x.elements() * 4, [&] { activation_forward(stream, kind, x, y); });
}
BENCHMARK(gelu)->Arg(0)->Arg(1)->MeasureProcessCPUTime()->UseRealTime();

void gelu_back(benchmark::State& state) {
  Stream stream(available_threads());
  const Activation kind = state.range(0) ? Activation::gelu_erf : Activation::gelu_tanh;
  const Tensor x = ones(kRows, 3072), dy = ones(kRows, 3072);
  measure(state, 3 * x.elements() * 4, [&] { activation_backward(stream, kind, x, dy, dy); });
}
BENCHMARK(gelu_back)->Arg(0)->Arg(1)->MeasureProcessCPUTime()->UseRealTime();

void to_bf16_rows(benchmark::State& state) {
  Stream stream(available_threads());
  const Tensor x = ones(kRows, 3072), y = ones(kRows, 3072, DType::bf16);
  measure(state, x.elements() * 6, [&] { convert(stream, x, y); });
}
BENCHMARK(to_bf16_rows)->MeasureProcessCPUTime()->UseRealTime();

void add_into(benchmark::State& state) {
  Stream stream(available_threads());
  const Tensor x = ones(kRows, 3072), y = ones(kRows, 3072);
  measure(state, 3 * x.elements() * 4, [&] { add(stream, x, {y, true}); });
}
BENCHMARK(add_into)->MeasureProcessCPUTime()->UseRealTime();

void bias_gradient(benchmark::State& state) {
  Stream stream(available_threads());
  const Tensor x = ones(kRows, 3072), out = vector_of(3072);
  measure(state, x.elements() * 4, [&] { sum_rows(stream, x, {out}); });
}
BENCHMARK(bias_gradient)->MeasureProcessCPUTime()->UseRealTime();

void dropout_rows(benchmark::State& state) {
  Stream stream(available_threads());
  const Tensor x = ones(kRows, 768), y = ones(kRows, 768);
  const std::vector<std::int32_t> positions(kRows, 3);
  const std::vector<std::int64_t> numbers = {0}, offsets = {0, kRows};
  measure(state, 2 * x.elements() * 4, [&] {
    dropout(stream, {philox_key(1), 1, positions, numbers, offsets}, 0.1f, x, {}, {y});
  });
}
BENCHMARK(dropout_rows)->MeasureProcessCPUTime()->UseRealTime();

// GPT-2 logits, loss and gradient.
void cross_entropy_chunk(benchmark::State& state) {
  Stream stream(available_threads());
  const std::int64_t rows = 128, vocabulary = 50257;
  const Tensor logits = ones(rows, vocabulary);
  const std::vector<std::int32_t> targets(static_cast<std::size_t>(rows), 17);
  const Tensor losses = Tensor::zeros({rows}, DType::f64);
  measure(state, 2 * logits.elements() * 4,
          [&] { cross_entropy_rows(stream, logits, targets, 1e-3, losses); });
}
BENCHMARK(cross_entropy_chunk)->MeasureProcessCPUTime()->UseRealTime();

void embed(benchmark::State& state) {
  Stream stream(available_threads());
  const Weight table(ones(50257, 768));
  const Tensor positions = ones(1024, 768), y = ones(kRows, 768);
  std::vector<std::int32_t> ids(kRows), places(kRows);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<std::int32_t>(i * 7919 % 50257);
    places[i] = static_cast<std::int32_t>(i % 1024);
  }
  measure(state, 3 * y.elements() * 4,
          [&] { embedding_forward(stream, ids, places, table, positions, y); });
}
BENCHMARK(embed)->MeasureProcessCPUTime()->UseRealTime();

void embed_back(benchmark::State& state) {
  Stream stream(available_threads());
  const Tensor table = ones(50257, 768), dy = ones(kRows, 768);
  std::vector<std::int32_t> ids(kRows);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 7919 % 50257);
  measure(state, 3 * dy.elements() * 4, [&] { embedding_backward(stream, ids, dy, table); });
}
BENCHMARK(embed_back)->MeasureProcessCPUTime()->UseRealTime();

void adamw_step(benchmark::State& state) {
  Stream stream(available_threads());
  const std::size_t n = std::size_t{1} << 24;
  std::vector<float> w(n, 0.5f), g(n, 0.1f), m(n), v(n);
  measure(state, static_cast<std::int64_t>(n) * 32,
          [&] { adamw(stream, {.lr = 1e-4, .weight_decay = 0.1, .step = 3}, w, g, m, v); });
}
BENCHMARK(adamw_step)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
}  // namespace stemma::kernels

BENCHMARK_MAIN();
