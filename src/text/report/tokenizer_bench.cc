#include "text/report/tokenizer_bench.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>

#include <time.h>

#include "text/encode_batch.h"

namespace stemma::report {
namespace {

constexpr clockid_t kOneThread = CLOCK_THREAD_CPUTIME_ID;

double bench_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double bench_seconds(clockid_t clock, Work&& work) {
  const double start = bench_clock(clock);
  work();
  return std::max(1e-9, bench_clock(clock) - start);
}

// What one tokenizer and one text took, run by run.
struct TimedRuns {
  std::vector<double> encode, decode, parallel, apart;
  std::uint64_t tokens = 0;

  TextRates rates(const BenchText& text) const {
    TextRates result{text.name, text.text.size(), tokens, {}, {}, {}, {}};
    const auto spread = [&](const std::vector<double>& seconds) {
      std::vector<double> per_second;
      for (const double s : seconds)
        per_second.push_back(static_cast<double>(text.text.size()) / s);
      return per_second.empty() ? Spread() : spread_of(per_second);
    };
    result.encode = spread(encode);
    result.decode = spread(decode);
    result.parallel = spread(parallel);
    result.apart = spread(apart);
    return result;
  }
};

// The buffers are shared by all runs: what is timed does not ask the system for memory.
struct BenchBuffers {
  std::vector<std::int32_t> ids;
  std::string text;
  std::vector<std::vector<std::int32_t>> ids_of_worker;
};

// Each time with a tokenizer that has seen no text.
void run_once(const std::string& name, std::string_view text, const TokenizerBenchOptions& options,
              BenchBuffers& buffers, TimedRuns& timed) {
  auto tokenizer = open_tokenizer(name);
  buffers.ids.clear();
  timed.encode.push_back(bench_seconds(kOneThread, [&] { tokenizer->encode(text, buffers.ids); }));
  timed.tokens = buffers.ids.size();
  buffers.text.clear();
  timed.decode.push_back(
      bench_seconds(kOneThread, [&] { tokenizer->decode(buffers.ids, buffers.text); }));
  if (options.workers == nullptr) return;
  Workers& workers = *options.workers;
  tokenizer = open_tokenizer(name);
  buffers.ids.clear();
  timed.parallel.push_back(bench_seconds(
      CLOCK_MONOTONIC, [&] { encode_parallel(*tokenizer, text, workers, buffers.ids); }));
  const auto count = static_cast<std::size_t>(workers.count());
  std::vector<std::shared_ptr<const Tokenizer>> tokenizers(count);
  for (auto& one : tokenizers) one = open_tokenizer(name);
  buffers.ids_of_worker.resize(count);
  const double seconds = bench_seconds(CLOCK_MONOTONIC, [&] {
    workers.run([&](int worker) {
      const auto i = static_cast<std::size_t>(worker);
      buffers.ids_of_worker[i].clear();
      tokenizers[i]->encode(text, buffers.ids_of_worker[i]);
    });
  });
  timed.apart.push_back(seconds / static_cast<double>(count));
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {0.5 * (values[(n - 1) / 2] + values[n / 2]), values.front(), values.back()};
}

std::vector<TokenizerRates> bench_tokenizers(std::span<const std::string> tokenizers,
                                             std::span<const BenchText> texts,
                                             const TokenizerBenchOptions& options) {
  std::vector<std::vector<double>> load(tokenizers.size());
  const auto stopped = [&] { return options.interrupt.requested(); };
  for (int run = 0; run < std::max(1, options.runs); ++run)
    for (std::size_t i = 0; i < tokenizers.size(); ++i)
      load[i].push_back(bench_seconds(CLOCK_MONOTONIC, [&] { open_tokenizer(tokenizers[i]); }));
  std::vector<TokenizerRates> results;
  for (std::size_t i = 0; i < tokenizers.size(); ++i)
    results.push_back({tokenizers[i], spread_of(load[i]), {}});

  BenchBuffers buffers;
  for (const BenchText& text : texts) {
    std::vector<TimedRuns> timed(tokenizers.size());
    for (int run = -1; run < std::max(1, options.runs) && !stopped(); ++run)
      for (std::size_t i = 0; i < tokenizers.size() && !stopped(); ++i) {
        TimedRuns warm_up;
        run_once(tokenizers[i], text.text, options, buffers, run < 0 ? warm_up : timed[i]);
      }
    if (stopped()) break;
    for (std::size_t i = 0; i < tokenizers.size(); ++i)
      results[i].texts.push_back(timed[i].rates(text));
  }
  return results;
}

std::string synthetic_text(std::size_t bytes) {
  static constexpr std::array<std::string_view, 32> kParts = {
      "the", "and", "of",   "to",  "in",  "ing", "er",  "ly",  "tion",  "con",  "st",
      "re",  "al",  "ment", "an",  "ter", "for", "ver", "man", "light", "ness", "ly",
      "wa",  "sto", "ri",   "ble", "un",  "de",  "com", "per", "house", "day"};
  std::mt19937 random(1);
  // Few words are most of a text: the square of a number below 1 is small more often than not.
  std::vector<std::string> words(20'000);
  for (std::size_t i = 0; i < words.size(); ++i)
    for (std::size_t parts = i < 200 ? 1 : 2 + random() % 3; parts > 0; --parts)
      words[i] += kParts[random() % kParts.size()];
  std::string text;
  for (std::size_t count = 1; text.size() < bytes; ++count) {
    const double u = static_cast<double>(random()) / 4294967296.0;
    text += words[static_cast<std::size_t>(u * u * u * static_cast<double>(words.size()))];
    text += count % 120 == 0 ? ".\n\n" : count % 12 == 0 ? ". " : count % 7 == 0 ? ", " : " ";
  }
  text.resize(bytes);
  return text;
}

std::vector<HostileText> hostile_texts(std::size_t scale) {
  const std::size_t million = 1'000'000 / scale;
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::mt19937 random(2);
  std::string emoji, base64, bytes;
  for (std::size_t i = 0; i < million; ++i) {
    emoji += "🙂";
    base64 += kDigits[random() % kDigits.size()];
    bytes += static_cast<char>(random());
  }
  return {{"a x 10^7", std::string(10 * million, 'a')},
          {"spaces", std::string(million, ' ')},
          {"emoji", std::move(emoji)},
          {"base64", std::move(base64)},
          {"random bytes", std::move(bytes)}};
}

double copy_bytes_per_s() {
  constexpr std::size_t kBytes = std::size_t{256} << 20;
  const std::string from(kBytes, 'x');
  std::string to(kBytes, 'y');
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const double s = bench_seconds(CLOCK_MONOTONIC, [&] {
      std::memcpy(to.data(), from.data(), kBytes);
      __asm__ volatile("" ::"r"(to.data()) : "memory");  // the copy is wanted
    });
    best = std::max(best, static_cast<double>(kBytes) / s);
  }
  return best;
}

}  // namespace stemma::report
