#include "serve/load/load.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/quantile.h"
#include "serve/load/load_client.h"

namespace stemma::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;

double seconds_between(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

class Load {
 public:
  explicit Load(const LoadPlan& plan) : plan_(plan), random_(plan.seed) {
    tcp::resolver resolver(loop_);
    boost::system::error_code error;
    server_.addresses = resolver.resolve(plan.at.host, std::to_string(plan.at.port), error);
    server_.tls = tls_context_for(plan.at);
    if (error)
      throw Error(ErrorCode::communication,
                  fmt::format("[load] cannot find {}: {}", plan.at.host, error.message()));
  }

  LoadResult run() {
    begin_ = SteadyClock::now();
    if (plan_.rate > 0)
      asio::co_spawn(loop_, open_loop(), asio::detached);
    else
      for (std::int64_t i = 0; i < plan_.streams; ++i)
        asio::co_spawn(loop_, closed_loop(), asio::detached);
    loop_.run();
    return result();
  }

 private:
  bool more() const {
    if (plan_.interrupt.requested()) return false;
    if (plan_.requests > 0 && asked_ >= plan_.requests) return false;
    return plan_.seconds <= 0 || seconds_between(begin_, SteadyClock::now()) < plan_.seconds;
  }

  LoadRequest next() {
    LoadRequest request{.number = asked_++, .target = plan_.targets.front()};
    if (plan_.targets.size() > 1) request.target = plan_.targets[random_() % plan_.targets.size()];
    if (std::uniform_real_distribution<>(0, 1)(random_) < plan_.leave_share)
      request.leave_after = std::uniform_int_distribution<std::int64_t>(1, 8)(random_);
    return request;
  }

  asio::awaitable<void> closed_loop() {
    LoadClient client(plan_, loop_, server_);
    while (more()) {
      const LoadRequest request = next();
      keep(request.target.route, co_await client.ask(request));
    }
  }

  asio::awaitable<void> open_loop() {
    std::exponential_distribution<> pause(plan_.rate);
    asio::steady_timer timer(loop_);
    while (more()) {
      if (under_way_ < plan_.streams) {
        ++under_way_;
        asio::co_spawn(loop_, one(next()), asio::detached);
      } else {
        ++asked_;
        ++result_.requests;
        ++result_.errors["not sent: too many requests were under way (streams)"];
        ++result_.failed;
      }
      timer.expires_after(
          std::chrono::microseconds(static_cast<std::int64_t>(1e6 * pause(random_))));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }
  asio::awaitable<void> one(LoadRequest request) {
    LoadClient client(plan_, loop_, server_);
    keep(request.target.route, co_await client.ask(request));
    --under_way_;
  }

  void keep(LoadRoute route, const LoadSample& s) {
    ++result_.requests;
    if (s.left) {
      ++result_.left;
    } else if (!s.error.empty()) {
      ++result_.failed;
      ++result_.errors[s.error];
    } else {
      result_.prompt_tokens += s.prompt_tokens;
      result_.output_tokens += s.output_tokens;
      first_.push_back(seconds_between(s.asked, s.first));
      first_of_[static_cast<std::size_t>(route)].push_back(first_.back());
      whole_.push_back(seconds_between(s.asked, s.last));
      if (s.output_tokens > 1)
        between_.push_back(seconds_between(s.first, s.last) /
                           static_cast<double>(s.output_tokens - 1));
    }
    if (plan_.progress) plan_.progress(result_.requests);
  }

  LoadResult result() {
    result_.seconds = seconds_between(begin_, SteadyClock::now());
    result_.first_token = Times(std::move(first_));
    for (std::size_t i = 0; i < first_of_.size(); ++i)
      result_.first_token_of[i] = Times(std::move(first_of_[i]));
    result_.between_tokens = Times(std::move(between_));
    result_.whole = Times(std::move(whole_));
    return std::move(result_);
  }

  const LoadPlan& plan_;
  asio::io_context loop_{1};
  LoadClient::Server server_;
  std::mt19937_64 random_;
  SteadyClock::time_point begin_;
  std::int64_t asked_ = 0, under_way_ = 0;
  LoadResult result_;
  std::vector<double> first_, between_, whole_;
  std::array<std::vector<double>, kLoadRoutes.size()> first_of_;
};

}  // namespace

Times::Times(std::vector<double> seconds) : sorted_(std::move(seconds)) {
  std::sort(sorted_.begin(), sorted_.end());
}

double Times::at(double share) const { return sorted_.empty() ? 0 : quantile(sorted_, share); }

double Times::mean() const {
  return sorted_.empty() ? 0
                         : std::accumulate(sorted_.begin(), sorted_.end(), 0.0) /
                               static_cast<double>(sorted_.size());
}

LoadResult run_load(const LoadPlan& plan) {
  if (plan.targets.empty() || plan.streams < 1 || plan.output_tokens < 1 ||
      plan.least_words + plan.shared_words < 1 || plan.most_words < plan.least_words ||
      (plan.requests <= 0 && plan.seconds <= 0))
    throw Error(ErrorCode::invalid_argument,
                "[load] a plan needs a route, streams, words in its prompts, output tokens, and a "
                "number of "
                "requests or of seconds");
  LoadResult result = Load(plan).run();
  if (result.requests > 0 && result.failed == result.requests)
    throw Error(ErrorCode::communication, fmt::format("[load] {} answered no request: {}",
                                                      plan.at.url(), result.errors.begin()->first));
  return result;
}

}  // namespace stemma::serve
