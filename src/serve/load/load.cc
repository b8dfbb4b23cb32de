#include "serve/load/load.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantile.h"
#include "serve/client/events.h"

namespace stemma::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;

// Frequent words, each of which is one token in most vocabularies.
constexpr std::array kWords = {
    "time",    "year",    "people",   "way",    "day",    "man",     "thing",   "woman",
    "life",    "child",   "world",    "school", "state",  "family",  "student", "group",
    "country", "problem", "hand",     "part",   "place",  "case",    "week",    "company",
    "system",  "program", "question", "work",   "number", "night",   "point",   "home",
    "water",   "room",    "mother",   "area",   "money",  "story",   "fact",    "month",
    "lot",     "right",   "study",    "book",   "eye",    "job",     "word",    "business",
    "issue",   "side",    "kind",     "head",   "house",  "service", "friend",  "father",
    "power",   "hour",    "game",     "line",   "end",    "member",  "law",     "car"};

double seconds_between(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// What one request gave.
struct Sample {
  bool left = false;
  std::string error;
  std::int64_t prompt_tokens = 0, output_tokens = 0;
  SteadyClock::time_point asked, first, last;
};

bool has_text(const Json& event) {
  const Json* choices = event.find("choices");
  if (!choices || !choices->is_array() || choices->as_array().empty()) return false;
  const Json& choice = choices->as_array().front();
  if (const Json* delta = choice.find("delta")) return !delta->get("content", "").empty();
  return !choice.get("text", "").empty();
}

class Client {
 public:
  Client(const LoadPlan& plan, asio::io_context& loop, const tcp::resolver::results_type& server)
      : plan_(plan), server_(server), stream_(loop) {}

  // A server may close a connection on which nothing was asked for a while: where it did so before
  // it saw the request, that is asked again on a new one.
  asio::awaitable<Sample> ask(std::int64_t number, std::int64_t leave_after) {
    const SteadyClock::time_point asked = SteadyClock::now();
    const bool is_used = stream_.socket().is_open();
    heard_ = false;
    Sample sample = co_await try_once(number, leave_after);
    if (is_used && !heard_ && !sample.error.empty())
      sample = co_await try_once(number, leave_after);
    sample.asked = asked;
    co_return sample;
  }

 private:
  asio::awaitable<Sample> try_once(std::int64_t number, std::int64_t leave_after) {
    Sample sample;
    try {
      stream_.expires_after(
          std::chrono::milliseconds(static_cast<std::int64_t>(plan_.timeout_seconds * 1000)));
      if (!stream_.socket().is_open()) co_await stream_.async_connect(server_, asio::use_awaitable);
      const std::string request = request_text(number);
      co_await asio::async_write(stream_, asio::buffer(request), asio::use_awaitable);
      co_await read_answer(sample, leave_after);
    } catch (const boost::system::system_error& error) {
      sample.error = error.code().message();
    } catch (const Error& error) {
      sample.error = error.what();
    }
    if (!sample.error.empty() || sample.left || !keep_alive_) {
      stream_.close();
      buffer_.clear();  // what is left of its answers
    }
    co_return sample;
  }

  std::string request_text(std::int64_t number) const {
    Json body = Json::object({{"stream", true},
                              {"max_tokens", plan_.output_tokens},
                              {"temperature", 0.0},
                              {"stream_options", Json::object({{"include_usage", true}})}});
    if (!plan_.model.empty()) body.set("model", plan_.model);
    if (plan_.to_the_end) body.set("ignore_eos", true);
    std::string prompt = load_prompt(plan_, number);
    if (plan_.chat)
      body.set("messages",
               Json::array({Json::object({{"role", "user"}, {"content", std::move(prompt)}})}));
    else
      body.set("prompt", std::move(prompt));
    const std::string text = body.dump();
    return fmt::format(
        "POST {}{} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\n{}"
        "Content-Length: {}\r\n\r\n{}",
        plan_.at.base_path, plan_.chat ? "/chat/completions" : "/completions", plan_.at.host,
        plan_.at.port,
        plan_.key.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", plan_.key),
        text.size(), text);
  }

  asio::awaitable<void> read_answer(Sample& sample, std::int64_t leave_after) {
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(std::uint64_t{1} << 40);
    co_await http::async_read_header(stream_, buffer_, parser, asio::use_awaitable);
    heard_ = true;
    keep_alive_ = parser.get().keep_alive();
    const unsigned status = parser.get().result_int();
    Events events;
    std::string refusal;
    std::int64_t pieces = 0;
    std::array<char, 16384> bytes;
    while (!parser.is_done()) {
      parser.get().body().data = bytes.data();
      parser.get().body().size = bytes.size();
      boost::system::error_code error;
      co_await http::async_read_some(stream_, buffer_, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
      if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
      const std::string_view got(bytes.data(), bytes.size() - parser.get().body().size);
      if (status != 200) {
        refusal += got.substr(0, 500);
        continue;
      }
      events.push(got, [&](const std::string& event) { take(event, sample, pieces); });
      if (leave_after > 0 && pieces >= leave_after) {
        sample.left = true;
        co_return;
      }
    }
    if (status != 200) sample.error = fmt::format("status {}: {}", status, refusal);
    if (sample.error.empty() && pieces == 0) sample.error = "an answer without text";
    sample.output_tokens = std::max(sample.output_tokens, pieces);
  }

  static void take(const std::string& text, Sample& sample, std::int64_t& pieces) {
    if (text == "[DONE]") return;
    const Json event = Json::parse(text, "event");
    if (const Json* error = event.find("error")) sample.error = error->get("message", "an error");
    if (const Json* usage = event.find("usage"); usage && usage->is_object()) {
      sample.prompt_tokens = usage->get("prompt_tokens", 0);
      sample.output_tokens = usage->get("completion_tokens", 0);
    }
    if (!has_text(event)) return;
    sample.last = SteadyClock::now();
    if (pieces++ == 0) sample.first = sample.last;
  }

  const LoadPlan& plan_;
  const tcp::resolver::results_type& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  bool keep_alive_ = true;
  bool heard_ = false;  // an answer has begun
};

class Load {
 public:
  explicit Load(const LoadPlan& plan) : plan_(plan), random_(plan.seed) {
    tcp::resolver resolver(loop_);
    boost::system::error_code error;
    server_ = resolver.resolve(plan.at.host, std::to_string(plan.at.port), error);
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

  // After how many pieces of its text a client leaves; 0: it stays.
  std::int64_t leave_after() {
    const bool leaves = std::uniform_real_distribution<>(0, 1)(random_) < plan_.leave_share;
    return leaves ? std::uniform_int_distribution<std::int64_t>(1, 8)(random_) : 0;
  }

  asio::awaitable<void> closed_loop() {
    Client client(plan_, loop_, server_);
    while (more()) {
      const std::int64_t number = asked_++;
      keep(co_await client.ask(number, leave_after()));
    }
  }

  asio::awaitable<void> open_loop() {
    std::exponential_distribution<> pause(plan_.rate);
    asio::steady_timer timer(loop_);
    while (more()) {
      if (under_way_ < plan_.streams) {
        ++under_way_;
        asio::co_spawn(loop_, one(asked_++, leave_after()), asio::detached);
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
  asio::awaitable<void> one(std::int64_t number, std::int64_t leave_after) {
    Client client(plan_, loop_, server_);
    keep(co_await client.ask(number, leave_after));
    --under_way_;
  }

  void keep(const Sample& s) {
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
    result_.between_tokens = Times(std::move(between_));
    result_.whole = Times(std::move(whole_));
    return std::move(result_);
  }

  const LoadPlan& plan_;
  asio::io_context loop_{1};
  tcp::resolver::results_type server_;
  std::mt19937_64 random_;
  SteadyClock::time_point begin_;
  std::int64_t asked_ = 0, under_way_ = 0;
  LoadResult result_;
  std::vector<double> first_, between_, whole_;
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

std::string load_prompt(const LoadPlan& plan, std::int64_t number) {
  const auto words = [](std::uint64_t seed, std::int64_t count) {
    std::mt19937_64 random(seed);
    std::string text;
    for (std::int64_t i = 0; i < count; ++i)
      text += fmt::format("{}{}", i == 0 ? "" : " ", kWords[random() % kWords.size()]);
    return text;
  };
  const auto seed = plan.seed * 1'000'003 + static_cast<std::uint64_t>(number) + 1;
  const std::int64_t span = plan.most_words - plan.least_words + 1;
  const std::int64_t own =
      plan.least_words +
      static_cast<std::int64_t>(std::mt19937_64(seed)() % static_cast<std::uint64_t>(span));
  std::string text = words(plan.seed, plan.shared_words);
  if (!text.empty() && own > 0) text += ' ';
  return text + words(~seed, own);
}

LoadResult run_load(const LoadPlan& plan) {
  if (plan.streams < 1 || plan.output_tokens < 1 || plan.least_words + plan.shared_words < 1 ||
      plan.most_words < plan.least_words || (plan.requests <= 0 && plan.seconds <= 0))
    throw Error(ErrorCode::invalid_argument,
                "[load] a plan needs streams, words in its prompts, output tokens, and a number of "
                "requests or of seconds");
  LoadResult result = Load(plan).run();
  if (result.requests > 0 && result.failed == result.requests)
    throw Error(ErrorCode::communication,
                fmt::format("[load] http://{}:{}{} answered no request: {}", plan.at.host,
                            plan.at.port, plan.at.base_path, result.errors.begin()->first));
  return result;
}

}  // namespace stemma::serve
