// Our matrix product against oneDNN's, f32, or ours in bf16 against ours in f32, on the shapes of
// GPT-2 124M.
//
//   matmul_bench [threads] [only this M, 0: all] [f32 or bf16] [rounds]
//
// Forward: weights in our panels, and in the layout that oneDNN itself chooses. Backward: both read
// what training has (dX = dY · W, dW = dYᵀ · X), rows as they lie. Both run in turns in one process
// with the same number of threads; each shape's figure is the best of several turns, in several
// rounds over all shapes where a machine is quick at one time and slow at another. For small M the
// weights are taken in turn from copies that no cache holds, as decoding does. Columns: GFLOP/s of
// ours and of the peer, their ratio, ours as a share of the measured peak. In bf16 activations and
// their gradients lie in bf16, weights and theirs in f32 rows (forward and backward, as in
// training), or in bf16 panels where M ≤ 64 (as in inference); the peer has f32 everywhere.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dnnl.hpp>
#include <fmt/format.h>

#include "device/peaks.h"
#include "kernels/matmul.h"

extern "C" void omp_set_num_threads(int);

namespace {

using namespace stemma;
using namespace stemma::kernels;
using Tag = dnnl::memory::format_tag;

constexpr const char* kForward = "y=x.W'";

struct Shape3 {
  std::int64_t m, n, k;
  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

Tensor random_tensor(std::int64_t rows, std::int64_t cols, DType type = DType::f32) {
  const Tensor t = Tensor::empty({rows, cols}, type);
  std::minstd_rand random(1);
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    const float x = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
    if (type == DType::bf16)
      t.data<bf16>()[i] = to_bf16(x);
    else
      t.data<float>()[i] = x;
  }
  return t;
}

float value(const Tensor& t, std::int64_t i) {
  return t.dtype() == DType::bf16 ? to_float(t.data<bf16>()[i]) : t.data<float>()[i];
}

// oneDNN's product of the same operands; `tag_b` any: weights are reordered beforehand.
class OneDnn {
 public:
  OneDnn(const Shape3& s, Tag tag_a, Tag tag_b, const Tensor& a, const std::vector<Tensor>& b,
         Tag b_lies, const Tensor& c) {
    using dnnl::memory;
    const auto f32 = memory::data_type::f32;
    const memory::desc a_desc({s.m, s.k}, f32, tag_a), b_desc({s.k, s.n}, f32, tag_b),
        c_desc({s.m, s.n}, f32, Tag::ab);
    const dnnl::matmul::primitive_desc plan({a_desc, b_desc, c_desc}, engine_);
    product_ = dnnl::matmul(plan);
    a_ = memory(a_desc, engine_, a.raw());
    c_ = memory(c_desc, engine_, c.raw());
    for (const Tensor& one : b) {
      memory lies({{s.k, s.n}, f32, b_lies}, engine_, one.raw());
      if (tag_b == Tag::any) {
        memory packed(plan.weights_desc(), engine_);
        dnnl::reorder(lies, packed).execute(stream_, lies, packed);
        stream_.wait();
        lies = packed;
      }
      b_.push_back(lies);
    }
  }
  void run(std::size_t copy) {
    product_.execute(stream_,
                     {{DNNL_ARG_SRC, a_}, {DNNL_ARG_WEIGHTS, b_[copy]}, {DNNL_ARG_DST, c_}});
    stream_.wait();
  }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul product_;
  dnnl::memory a_, c_;
  std::vector<dnnl::memory> b_;
};

double now(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

class Ratios {
 public:
  void add(double ratio) { add({std::log(ratio), ratio, 1}); }
  void add(const Ratios& others) {
    logs_ += others.logs_;
    lowest_ = std::min(lowest_, others.lowest_);
    count_ += others.count_;
  }
  void print(const char* of) const {
    if (count_ > 0)
      fmt::print("{}: geometric mean of {} ratios {:.3f}, lowest {:.3f}\n", of, count_,
                 std::exp(logs_ / count_), lowest_);
  }
  Ratios() = default;

 private:
  Ratios(double logs, double lowest, int count) : logs_(logs), lowest_(lowest), count_(count) {}

  double logs_ = 0, lowest_ = 1e30;
  int count_ = 0;
};

class Bench {
 public:
  Bench(int threads, bool bf16) : threads_(threads), bf16_(bf16), stream_(threads) {
    omp_set_num_threads(threads);
  }

  void measure_peak() {
    peak_ = std::max(peak_, multiply_peak(measure_peaks(stream_, {.quick = true}), bf16_));
  }

  void run(const Shape3& s) { bf16_ ? forward_bf16(s) : forward(s); }

  void forward(const Shape3& s) {
    const Tensor x = random_tensor(s.m, s.k), y = random_tensor(s.m, s.n),
                 y2 = random_tensor(s.m, s.n);
    const std::int64_t size = s.n * s.k * 4,
                       copies = s.m > 32 ? 1 : std::clamp<std::int64_t>((256 << 20) / size, 1, 64);
    std::vector<Tensor> rows;
    std::vector<Weight> panels;
    for (std::int64_t i = 0; i < copies; ++i) {
      rows.push_back(random_tensor(s.n, s.k));
      panels.push_back(pack_weight(stream_, Weight(rows.back()), DType::f32));
    }
    OneDnn peer(s, Tag::ab, Tag::any, x, rows, Tag::ba, y2);
    compare(
        kForward, s, y, y2, copies,
        [&](std::size_t copy) {
          matmul(stream_, args(s, rows_of(x), transposed_of(panels[copy]), y));
        },
        [&](std::size_t copy) { peer.run(copy); });
  }

  void forward_bf16(const Shape3& s) {
    const Tensor x = random_tensor(s.m, s.k, DType::bf16), y = random_tensor(s.m, s.n, DType::bf16),
                 x2 = random_tensor(s.m, s.k), y2 = random_tensor(s.m, s.n);
    const std::int64_t size = s.n * s.k * 4,
                       copies = s.m > 32 ? 1 : std::clamp<std::int64_t>((256 << 20) / size, 1, 64);
    std::vector<Weight> weights, weights2;
    for (std::int64_t i = 0; i < copies; ++i) {
      const Weight rows(random_tensor(s.n, s.k));
      weights.push_back(s.m > 64 ? rows : pack_weight(stream_, rows, DType::bf16));
      weights2.push_back(s.m > 64 ? rows : pack_weight(stream_, rows, DType::f32));
    }
    compare(
        kForward, s, y, y2, copies,
        [&](std::size_t copy) {
          matmul(stream_, in_bf16(args(s, rows_of(x), transposed_of(weights[copy]), y)));
        },
        [&](std::size_t copy) {
          matmul(stream_, args(s, rows_of(x2), transposed_of(weights2[copy]), y2));
        });
  }

  void input_gradient(const Shape3& forward) {
    const Shape3 s{forward.m, forward.k, forward.n};
    const Tensor dy = random_tensor(s.m, s.k), w = random_tensor(s.k, s.n),
                 dx = random_tensor(s.m, s.n), dx2 = random_tensor(s.m, s.n);
    const auto f32 = [&](const Tensor& to) {
      matmul(stream_, args(s, rows_of(dy), rows_of(w), to));
    };
    if (bf16_) {
      const Tensor dy16 = random_tensor(s.m, s.k, DType::bf16),
                   dx16 = random_tensor(s.m, s.n, DType::bf16);
      return compare(
          "dX=dY.W", s, dx16, dx2, 1,
          [&](std::size_t) { matmul(stream_, in_bf16(args(s, rows_of(dy16), rows_of(w), dx16))); },
          [&](std::size_t) { f32(dx2); });
    }
    OneDnn peer(s, Tag::ab, Tag::ab, dy, {w}, Tag::ab, dx2);
    compare(
        "dX=dY.W", s, dx, dx2, 1, [&](std::size_t) { f32(dx); },
        [&](std::size_t copy) { peer.run(copy); });
  }

  void weight_gradient(const Shape3& forward) {
    const Shape3 s{forward.n, forward.k, forward.m};
    const Tensor dy = random_tensor(s.k, s.m), x = random_tensor(s.k, s.n),
                 dw = random_tensor(s.m, s.n), dw2 = random_tensor(s.m, s.n);
    const auto f32 = [&](const Tensor& to) {
      matmul(stream_, args(s, transposed_of(dy), rows_of(x), to));
    };
    if (bf16_) {
      const Tensor dy16 = random_tensor(s.k, s.m, DType::bf16),
                   x16 = random_tensor(s.k, s.n, DType::bf16);
      return compare(
          "dW=dY'.X", s, dw, dw2, 1,
          [&](std::size_t) {
            matmul(stream_, in_bf16(args(s, transposed_of(dy16), rows_of(x16), dw)));
          },
          [&](std::size_t) { f32(dw2); });
    }
    OneDnn peer(s, Tag::ba, Tag::ab, dy, {x}, Tag::ab, dw2);
    compare(
        "dW=dY'.X", s, dw, dw2, 1, [&](std::size_t) { f32(dw); },
        [&](std::size_t copy) { peer.run(copy); });
  }

  void print() const {
    fmt::print(
        "{} threads, {} peak {:.0f} GFLOP/s\n{:<10} {:>6} {:>6} {:>6} {:>9} {:>9} {:>6} {:>6}\n",
        threads_, bf16_ ? "bf16" : "f32", peak_ / 1e9, "product", "M", "N", "K", "ours",
        bf16_ ? "f32" : "oneDNN", "ratio", "peak");
    Ratios forward, backward;
    for (const auto& [name, s, ours, peer] : rows_) {
      (name == kForward ? forward : backward).add(peer / ours);
      fmt::print("{:<10} {:>6} {:>6} {:>6} {:>9.1f} {:>9.1f} {:>6.2f} {:>5.0f}%\n", name, s.m, s.n,
                 s.k, s.flops() / ours / 1e9, s.flops() / peer / 1e9, peer / ours,
                 100 * s.flops() / ours / peak_);
    }
    forward.print("weights packed, y=x.W'");
    backward.print("rows as they lie, dX and dW");
    Ratios all = forward;
    all.add(backward);
    all.print("all");
  }

 private:
  // One thread is timed by its processor time: on a busy machine that is the figure to trust.
  double seconds(const std::function<void()>& work) const {
    const clockid_t clock = threads_ == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    const double begin = now(clock);
    work();
    return now(clock) - begin;
  }

  static MatmulArgs args(const Shape3& s, const Operand& a, const Operand& b, const Tensor& c) {
    MatmulArgs args;
    args.m = s.m;
    args.n = s.n;
    args.k = s.k;
    args.a = a;
    args.b = b;
    args.c = c.raw();
    args.c_dtype = c.dtype();
    args.c_stride = s.n;
    return args;
  }
  static MatmulArgs in_bf16(MatmulArgs args) {
    args.multiply = Multiply::bf16;
    return args;
  }

  void compare(const char* name, const Shape3& s, const Tensor& c, const Tensor& c2,
               std::int64_t copies, const std::function<void(std::size_t)>& ours,
               const std::function<void(std::size_t)>& peer) {
    ours(0);
    peer(0);
    const double bound = (bf16_ ? 2e-2 : 1e-3) * std::sqrt(static_cast<double>(s.k));
    for (std::int64_t i = 0; i < c.elements(); i += 97)
      if (std::abs(value(c, i) - value(c2, i)) > bound + (bf16_ ? std::abs(value(c2, i)) / 64 : 0))
        fmt::print("MISMATCH at {}: {} {}\n", i, value(c, i), value(c2, i));
    // Enough calls in a turn for the clock, enough turns to meet a quiet moment of the machine.
    const int calls = static_cast<int>(std::clamp(1e9 / s.flops(), 1.0, 200.0));
    const int turns = s.flops() > 5e9 ? 6 : 24;
    double best_ours = 1e30, best_peer = 1e30;
    std::size_t copy = 0;
    const auto next = [&] { return copy = (copy + 1) % static_cast<std::size_t>(copies); };
    const auto time = [&](const std::function<void(std::size_t)>& product) {
      // The other's workers spin for a while after a product: not at this one's expense. Nor is it
      // to wake its own, as products follow each other in training.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      product(next());
      return seconds([&] {
               for (int i = 0; i < calls; ++i) product(next());
             }) /
             calls;
    };
    for (int turn = 0; turn < turns; ++turn) {
      best_ours = std::min(best_ours, time(ours));
      best_peer = std::min(best_peer, time(peer));
    }
    const auto same = [&](const Row& row) {
      return row.name == name && row.shape.m == s.m && row.shape.n == s.n && row.shape.k == s.k;
    };
    auto row = std::find_if(rows_.begin(), rows_.end(), same);
    if (row == rows_.end()) row = rows_.insert(row, {name, s});
    row->ours = std::min(row->ours, best_ours);
    row->peer = std::min(row->peer, best_peer);
  }

  struct Row {
    std::string_view name;
    Shape3 shape;
    double ours = 1e30, peer = 1e30;  // seconds
  };
  int threads_;
  bool bf16_;
  Stream stream_;
  double peak_ = 0;
  std::vector<Row> rows_;
};

}  // namespace

int main(int argc, char** argv) {
  Bench bench(argc > 1 ? std::atoi(argv[1]) : available_threads(),
              argc > 3 && std::string(argv[3]) == "bf16");
  const std::int64_t only_m = argc > 2 ? std::atoi(argv[2]) : 0;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 1;
  const std::vector<std::pair<std::int64_t, std::int64_t>> layers{
      {768, 2304}, {768, 768}, {768, 3072}, {3072, 768}, {768, 50257}};
  for (int round = 0; round < rounds; ++round) {
    bench.measure_peak();
    for (std::int64_t m : {4096, 1024, 512, 64, 32, 1}) {
      if (only_m && m != only_m) continue;
      for (const auto& [k, n] : layers)
        if (m * n < 30'000'000) bench.run({m, n, k});
    }
    for (std::int64_t m : {4096, 1024, 512}) {
      if (only_m && m != only_m) continue;
      for (const auto& [k, n] : layers) {
        if (m * n >= 30'000'000) continue;
        bench.input_gradient({m, n, k});
        bench.weight_gradient({m, n, k});
      }
    }
    fmt::print(stderr, "round {} of {}\n", round + 1, rounds);
  }
  bench.print();
}
