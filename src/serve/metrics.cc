#include "serve/metrics.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

namespace stemma::serve {
namespace {

const std::vector<double> kSeconds = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                      2.5,   5,     10,   20,    40,   80,  160,  320};
const std::vector<double> kTokens = {1,   2,    5,    10,   20,    50,    100,   200,
                                     500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};

std::string escaped(const std::string& label) {
  std::string out;
  for (const char c : label) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string headed(const std::string& name, const char* type, const std::string& help) {
  return fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1, 0) {}

void Histogram::observe(double value) {
  const auto at = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  const std::lock_guard lock(mutex_);
  ++counts_[static_cast<std::size_t>(at)];
  sum_ += value;
}

std::string Histogram::text(const std::string& name, const std::string& help) const {
  std::string out = headed(name, "histogram", help);
  const std::lock_guard lock(mutex_);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    below += counts_[i];
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, bounds_[i], below);
  }
  below += counts_.back();
  out +=
      fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, below, sum_);
  return out;
}

Metrics::Metrics()
    : time_to_first_token(kSeconds),
      time_per_output_token(kSeconds),
      end_to_end(kSeconds),
      queue_seconds(kSeconds),
      pass_seconds(kSeconds),
      prompt_length(kTokens),
      output_length(kTokens),
      batch_size({1, 2, 4, 8, 16, 32, 64, 128, 256}),
      cache_use({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1}) {}

void Metrics::count_answer(const std::string& path, int status) {
  const std::lock_guard lock(mutex_);
  ++answers_[{path, status}];
}

std::string Metrics::text(const Loads& models, std::size_t connections) const {
  std::string out = headed("stemma_requests_total", "counter", "Answers by route and HTTP status.");
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, count] : answers_)
      out += fmt::format("stemma_requests_total{{path=\"{}\",code=\"{}\"}} {}\n",
                         escaped(key.first), key.second, count);
  }
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    out += headed(name, "counter", help) + fmt::format("{} {}\n", name, value);
  };
  counter("stemma_prompt_tokens_total", "Tokens of prompts.", prompt_tokens);
  counter("stemma_prompt_tokens_cached_total", "Of these, found in the cache.",
          known_prompt_tokens);
  counter("stemma_generation_tokens_total", "Tokens that were written.", output_tokens);
  counter("stemma_client_left_total", "Requests whose client left before the end.", client_left);
  const auto gauge = [&](const char* name, const char* help, const auto& value_of) {
    out += headed(name, "gauge", help);
    for (const auto& [id, load] : models)
      out += fmt::format("{}{{model=\"{}\"}} {}\n", name, escaped(id), value_of(load));
  };
  using Load = infer::Engine::Load;
  gauge("stemma_num_requests_running", "Requests that take part in passes.",
        [](const Load& l) { return l.running; });
  gauge("stemma_num_requests_waiting", "Requests that wait.",
        [](const Load& l) { return l.waiting; });
  gauge("stemma_kv_cache_pages", "Pages of the key-value cache.",
        [](const Load& l) { return l.pages; });
  gauge("stemma_kv_cache_usage_perc", "Share of the pages that is in use, 0 to 1.",
        [](const Load& l) {
          return l.pages > 0
                     ? static_cast<double>(l.pages - l.free_pages) / static_cast<double>(l.pages)
                     : 0.0;
        });
  const auto counter_of = [&](const char* name, const char* help, const auto& value_of) {
    out += headed(name, "counter", help);
    for (const auto& [id, load] : models)
      out += fmt::format("{}{{model=\"{}\"}} {}\n", name, escaped(id), value_of(load));
  };
  counter_of("stemma_num_preemptions_total", "How often a request gave its pages back.",
             [](const Load& l) { return l.preempted; });
  counter_of("stemma_spec_decode_num_draft_tokens_total", "Tokens that were guessed ahead, so far.",
             [](const Load& l) { return l.drafted; });
  counter_of("stemma_spec_decode_num_accepted_tokens_total", "Of these, that were right.",
             [](const Load& l) { return l.accepted; });
  out += time_to_first_token.text("stemma_time_to_first_token_seconds",
                                  "From the request to its first token.");
  out += time_per_output_token.text("stemma_time_per_output_token_seconds",
                                    "Mean time between the tokens of a request.");
  out +=
      end_to_end.text("stemma_e2e_request_latency_seconds", "From the request to its last token.");
  out += queue_seconds.text("stemma_request_queue_time_seconds",
                            "From the request to its first pass.");
  out += pass_seconds.text("stemma_pass_seconds", "Passes of the model.");
  out += batch_size.text("stemma_batch_size", "Requests that take part in a pass.");
  out += cache_use.text("stemma_kv_cache_use", "Share of the cache's pages in use, by pass.");
  out += prompt_length.text("stemma_request_prompt_tokens", "Tokens of a prompt.");
  out += output_length.text("stemma_request_generation_tokens", "Tokens of a continuation.");
  out += headed("stemma_connections", "gauge", "Open connections.") +
         fmt::format("stemma_connections {}\n", connections);
  out += headed("process_resident_memory_bytes", "gauge", "Resident memory.") +
         fmt::format("process_resident_memory_bytes {}\n", resident_bytes());
  return out;
}

}  // namespace stemma::serve
