#include "serve/rate_limiter.h"

#include <algorithm>

namespace stemma::serve {
namespace {

using Seconds = std::chrono::duration<double>;

}  // namespace

std::optional<Seconds> RateLimiter::take(const std::string& who, double per_minute,
                                         Clock::time_point now) {
  constexpr std::size_t kMostBuckets = 1 << 16;
  const double most = std::max(per_minute, 1.0), per_second = per_minute / 60;
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= kMostBuckets) forget_full(per_minute, now);
  Bucket& bucket = buckets_.try_emplace(who, Bucket{most, now}).first->second;
  bucket.tokens = std::min(most, bucket.tokens + Seconds(now - bucket.filled).count() * per_second);
  bucket.filled = now;
  if (bucket.tokens < 1) return Seconds((1 - bucket.tokens) / per_second);
  bucket.tokens -= 1;
  return std::nullopt;
}

// Who has not asked for a minute has a full bucket, as a newcomer has.
void RateLimiter::forget_full(double per_minute, Clock::time_point now) {
  const Seconds full(std::max(60.0, 60 / per_minute));
  std::erase_if(buckets_, [&](const auto& b) { return now - b.second.filled > full; });
}

}  // namespace stemma::serve
