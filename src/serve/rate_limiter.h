// How many requests somebody may make: a token bucket for each of them, which holds what a minute
// allows and fills evenly.
//
//   RateLimiter limiter;
//   if (const auto wait = limiter.take("key 3", 60)) ...     // 429: come back in *wait
//
// Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace stemma::serve {

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  // Nothing: go on. Otherwise how long until the next request may come.
  std::optional<std::chrono::duration<double>> take(const std::string& who, double per_minute,
                                                    Clock::time_point now = Clock::now());
  std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled;
  };
  void forget_full(double per_minute, Clock::time_point now);

  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace stemma::serve
