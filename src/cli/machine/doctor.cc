#include <chrono>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/machine/peaks_json.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/version.h"
#include "device/cpu.h"

namespace stemma::cli {
namespace {

struct DoctorOptions {
  std::int64_t threads = 0;
  bool json = false;
};

// FLOP/s of one large product on one path: what the machine's peak becomes in a model.
double product_rate(Stream& stream, kernels::Multiply multiply) {
  constexpr std::int64_t kSize = 1024;
  const Tensor a = Tensor::zeros({kSize, kSize}, DType::f32),
               b = Tensor::zeros({kSize, kSize}, DType::f32);
  const Tensor c = Tensor::empty({kSize, kSize}, DType::f32);
  kernels::MatmulArgs args;
  set_output(args, c);
  args.k = kSize;
  args.a = kernels::rows_of(a);
  args.b = kernels::transposed_of(b);
  args.multiply = multiply;
  double best = 1e9;
  for (int round = 0; round < 8; ++round) {
    const auto start = std::chrono::steady_clock::now();
    kernels::matmul(stream, args);
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 2.0 * kSize * kSize * kSize / best;
}

// {"avx512": {"f32": FLOP/s, "bf16": FLOP/s}, ...} for every path of this machine.
Json products_json(Stream& stream) {
  Json out = Json::object();
  for (const KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath forced(path);
    Json rates = Json::object();
    for (const auto multiply : {kernels::Multiply::f32, kernels::Multiply::bf16})
      rates.set(to_string(multiply), product_rate(stream, multiply));
    out.set(to_string(path), std::move(rates));
  }
  return out;
}

Json cpu_json(const CpuFeatures& cpu) {
  return Json::object({{"model", cpu.model},
                       {"avx2", cpu.avx2},
                       {"avx512", cpu.avx512},
                       {"avx512_vnni", cpu.avx512_vnni},
                       {"avx512_bf16", cpu.avx512_bf16},
                       {"avx512_fp16", cpu.avx512_fp16},
                       {"amx_bf16", cpu.amx_bf16},
                       {"amx_int8", cpu.amx_int8}});
}

// 235 GFLOP/s.
std::string rate_text(double per_second, const char* unit) {
  if (per_second >= 1e12) return fmt::format("{:.2f} T{}/s", per_second / 1e12, unit);
  return fmt::format("{:.1f} G{}/s", per_second / 1e9, unit);
}

std::string for_people(const Json& out) {
  std::string has, kernels;
  for (const Json& name : out.at("available_kernels").as_array())
    kernels += (kernels.empty() ? "" : ", ") + name.as_string();
  for (const auto& [key, value] : out.at("cpu").as_object())
    if (value.is_bool() && value.as_bool()) has += (has.empty() ? "" : ", ") + key;
  std::string text = fmt::format(
      "stemma {}\nprocessor: {}\nhas: {}\nthreads: {}\nfree memory: {}\nkernels: {} (this machine "
      "runs {}; STEMMA_KERNELS chooses)\n"
      "precision auto: {}\n\nmeasured peaks:\n",
      kVersion, out.at("cpu").at("model").as_string(), has, out.at("threads").as_int(),
      format_bytes(static_cast<std::uint64_t>(out.at("available_memory_bytes").as_int())),
      out.at("kernels").as_string(), kernels, out.at("precision_auto").as_string());
  for (const auto& [key, value] : out.at("peaks").as_object())
    if (value.is_number()) {
      const char* unit = key == "dram" ? "B" : key.starts_with("int8") ? "OP" : "FLOP";
      text += fmt::format("  {:<12} {}\n", key, rate_text(value.as_double(), unit));
    }
  text += "\nour matrix product, 1024 x 1024 x 1024:\n";
  for (const auto& [key, value] : out.at("products").as_object())
    text += fmt::format("  {:<12} f32 {}, bf16 {}\n", key,
                        rate_text(value.at("f32").as_double(), "FLOP"),
                        rate_text(value.at("bf16").as_double(), "FLOP"));
  return text;
}

int run_doctor(const DoctorOptions& o) {
  Stream stream(o.threads > 0 ? static_cast<int>(o.threads) : available_threads());
  Json available{Json::Array{}};
  for (const KernelPath path : available_kernel_paths()) available.push_back(to_string(path));
  Json out =
      Json::object({{"version", kVersion},
                    {"cpu", cpu_json(cpu_features())},
                    {"threads", stream.workers().count()},
                    {"available_memory_bytes", static_cast<std::int64_t>(available_memory_bytes())},
                    {"kernels", to_string(kernel_path())},
                    {"available_kernels", std::move(available)},
                    {"precision_auto", to_string(kernels::preferred_multiply(stream.device()))}});
  out.set("peaks", peaks_json(measure_peaks(stream, peak_options(0))));
  out.set("products", products_json(stream));
  if (o.json) return print_json(out);
  print(for_people(out));
  return interrupted_or_done();
}

}  // namespace

void add_doctor(Program& program) {
  auto o = std::make_shared<DoctorOptions>();
  Command& c = program.add("doctor", "what this machine has, which kernels run, measured peaks");
  c.about =
      "Looks at the processor, says which kernels run and what `--precision auto` means here, and "
      "measures what every way to multiply and the memory reach (a few seconds; 2 GiB are read "
      "where "
      "they are free). Shares of the peak elsewhere are shares of these figures.";
  c.examples = {"stemma doctor", "STEMMA_KERNELS=avx2 stemma doctor --json"};
  declare_threads(o->threads, c.options);
  declare_json(o->json, c.options);
  c.run = [o] { return run_doctor(*o); };
}

}  // namespace stemma::cli
