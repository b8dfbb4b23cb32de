// A load generator for OpenAI-compatible servers: many clients at once, and how long each waited.
//
//   const LoadResult result = run_load({.at = {}, .streams = 32});
//   result.first_token.at(0.95);     // seconds, of the slowest twentieth
//
// A closed loop has a fixed number of clients, each of which asks again when it was answered; an
// open loop sends requests at random times (a Poisson process) with a given rate, however slow the
// answers are. Prompts are random words, no two alike, so that a server's prefix cache helps only
// where `shared_words` begin all of them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "serve/client/endpoint.h"

namespace stemma::serve {

// Where a request goes. The first two stream tokens; the others answer once, and the wait for a
// first token is the wait for that answer.
enum class LoadRoute : std::uint8_t { completions, chat, embeddings, classify };
inline constexpr std::array kLoadRoutes = {"completions", "chat", "embeddings", "classify"};

struct LoadTarget {
  LoadRoute route = LoadRoute::completions;
  std::string model = {};  // the id that requests name; empty: none is sent
};

struct LoadPlan {
  Endpoint at = {};
  std::string key = {};                    // empty: none is sent
  std::vector<LoadTarget> targets = {{}};  // each request takes one of them at random
  std::int64_t streams = 8;                // clients at once; in an open loop: at most
  double rate = 0;                         // requests a second; 0: a closed loop
  std::int64_t requests = 64;              // in all; 0: until `seconds` are over
  double seconds = 0;
  std::int64_t least_words = 128, most_words = 128;  // of a prompt, beside the shared ones
  std::int64_t shared_words = 0;
  std::int64_t output_tokens = 128;
  bool to_the_end = true;  // sends ignore_eos, so that all answers are equally long
  double leave_share = 0;  // of the clients that leave in the middle of an answer
  double timeout_seconds = 600;
  std::uint64_t seed = 1;
  Interrupt interrupt = {};
  std::function<void(std::int64_t done)> progress = {};
};

// A sorted list of measured times.
class Times {
 public:
  Times() = default;
  explicit Times(std::vector<double> seconds);
  bool empty() const { return sorted_.empty(); }
  // share: 0.5 the median. 0 where there is nothing.
  double at(double share) const;
  double mean() const;
  const std::vector<double>& sorted() const { return sorted_; }

 private:
  std::vector<double> sorted_;
};

struct LoadResult {
  std::int64_t requests = 0, failed = 0, left = 0;
  std::int64_t prompt_tokens = 0, output_tokens = 0;  // of those that were answered
  double seconds = 0;                                 // from the first request to the last answer
  Times first_token, between_tokens, whole;
  std::array<Times, kLoadRoutes.size()> first_token_of = {};  // the same by route
  std::map<std::string, std::int64_t> errors;                 // how often each came
};

// Throws communication where nobody answers at all, invalid_argument for a plan that asks for
// nothing.
LoadResult run_load(const LoadPlan& plan);

}  // namespace stemma::serve
