// What the server counts and times, as text for Prometheus (exposition format 0.0.4). The names are
// close to vLLM's, so that dashboards for it need few changes.
//
//   Metrics metrics;
//   metrics.time_to_first_token.observe(0.21);
//   const std::string page = metrics.text({{"smollm2", host.load()}}, connections);
//
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "infer/engine.h"

namespace stemma::serve {

// Counts of values up to each of some bounds.
class Histogram {
 public:
  // bounds: ascending.
  explicit Histogram(std::vector<double> bounds);

  void observe(double value);
  // Lines for a metric of this name.
  std::string text(const std::string& name, const std::string& help) const;

 private:
  std::vector<double> bounds_;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> counts_;  // [bounds + 1], the last one of what is above all
  double sum_ = 0;
};

class Metrics {
 public:
  Metrics();

  Histogram time_to_first_token, time_per_output_token, end_to_end, queue_seconds, pass_seconds;
  Histogram prompt_length, output_length;
  Histogram batch_size, cache_use;  // by pass
  std::atomic<std::uint64_t> prompt_tokens{0}, known_prompt_tokens{0}, output_tokens{0};
  std::atomic<std::uint64_t> client_left{0};

  void count_answer(const std::string& path, int status);

  using Loads = std::vector<std::pair<std::string, infer::Engine::Load>>;
  std::string text(const Loads& models, std::size_t connections) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> answers_;  // by route and status
};

}  // namespace stemma::serve
