#include "serve/load/load_client.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "serve/client/events.h"
#include "serve/load/prompts.h"

namespace stemma::serve {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using SteadyClock = std::chrono::steady_clock;

bool streams(LoadRoute route) {
  return route == LoadRoute::completions || route == LoadRoute::chat;
}

const char* path_of(LoadRoute route) {
  switch (route) {
    case LoadRoute::completions:
      return "/completions";
    case LoadRoute::chat:
      return "/chat/completions";
    case LoadRoute::embeddings:
      return "/embeddings";
    case LoadRoute::classify:
      return "/classify";
  }
  return "";
}

Json body_of(const LoadPlan& plan, const LoadRequest& request) {
  Json body = Json::object();
  const LoadTarget& target = request.target;
  if (!target.model.empty()) body.set("model", target.model);
  std::string prompt = load_prompt(plan, request.number);
  if (!streams(target.route)) {
    body.set("input", std::move(prompt));
    return body;
  }
  body.set("stream", true);
  body.set("max_tokens", plan.output_tokens);
  body.set("temperature", 0.0);
  body.set("stream_options", Json::object({{"include_usage", true}}));
  if (plan.to_the_end) body.set("ignore_eos", true);
  if (target.route == LoadRoute::chat)
    body.set("messages",
             Json::array({Json::object({{"role", "user"}, {"content", std::move(prompt)}})}));
  else
    body.set("prompt", std::move(prompt));
  return body;
}

bool has_text(const Json& event) {
  const Json* choices = event.find("choices");
  if (!choices || !choices->is_array() || choices->as_array().empty()) return false;
  const Json& choice = choices->as_array().front();
  if (const Json* delta = choice.find("delta")) return !delta->get("content", "").empty();
  return !choice.get("text", "").empty();
}

void take_usage(const Json& answer, LoadSample& sample) {
  const Json* usage = answer.find("usage");
  if (!usage || !usage->is_object()) return;
  sample.prompt_tokens = usage->get("prompt_tokens", 0);
  sample.output_tokens = usage->get("completion_tokens", 0);
}

void take_event(const std::string& text, LoadSample& sample, std::int64_t& pieces) {
  if (text == "[DONE]") return;
  const Json event = Json::parse(text, "event");
  if (const Json* error = event.find("error")) sample.error = error->get("message", "an error");
  take_usage(event, sample);
  if (!has_text(event)) return;
  sample.last = SteadyClock::now();
  if (pieces++ == 0) sample.first = sample.last;
}

// The answer of a route that does not stream.
void take_answer(const std::string& text, LoadSample& sample) {
  const Json answer = Json::parse(text, "answer");
  take_usage(answer, sample);
  const Json* data = answer.find("data");
  if (!data || !data->is_array() || data->as_array().empty())
    sample.error = "an answer without data";
  sample.first = sample.last = SteadyClock::now();
}

}  // namespace

LoadClient::LoadClient(const LoadPlan& plan, asio::io_context& loop, const Server& server)
    : plan_(plan), server_(server), channel_(loop, server.tls.get()) {}

asio::awaitable<LoadSample> LoadClient::ask(LoadRequest request) {
  const SteadyClock::time_point asked = SteadyClock::now();
  const bool is_used = channel_.is_open();
  heard_ = false;
  LoadSample sample = co_await try_once(request);
  if (is_used && !heard_ && !sample.error.empty()) sample = co_await try_once(request);
  sample.asked = asked;
  co_return sample;
}

asio::awaitable<LoadSample> LoadClient::try_once(const LoadRequest& request) {
  LoadSample sample;
  try {
    channel_.tcp().expires_after(
        std::chrono::milliseconds(static_cast<std::int64_t>(plan_.timeout_seconds * 1000)));
    if (!channel_.is_open()) {
      co_await channel_.tcp().async_connect(server_.addresses, asio::use_awaitable);
      co_await channel_.async_greet(plan_.at.host, asio::use_awaitable);
    }
    const std::string text = request_text(request);
    co_await asio::async_write(channel_, asio::buffer(text), asio::use_awaitable);
    if (request.leave_after > 0 && !streams(request.target.route))
      sample.left = true;
    else
      co_await read_answer(request, sample);
  } catch (const boost::system::system_error& error) {
    sample.error = error.code().message();
  } catch (const Error& error) {
    sample.error = error.what();
  }
  if (!sample.error.empty() || sample.left || !keep_alive_) {
    channel_.close();
    buffer_.clear();  // what is left of its answers
  }
  co_return sample;
}

std::string LoadClient::request_text(const LoadRequest& request) const {
  const std::string body = body_of(plan_, request).dump();
  return fmt::format(
      "POST {}{} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\n{}"
      "Content-Length: {}\r\n\r\n{}",
      plan_.at.base_path, path_of(request.target.route), plan_.at.host, plan_.at.port,
      plan_.key.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", plan_.key), body.size(),
      body);
}

asio::awaitable<void> LoadClient::read_answer(const LoadRequest& request, LoadSample& sample) {
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(std::uint64_t{1} << 40);
  co_await http::async_read_header(channel_, buffer_, parser, asio::use_awaitable);
  heard_ = true;
  keep_alive_ = parser.get().keep_alive();
  const unsigned status = parser.get().result_int();
  const bool is_stream = streams(request.target.route);
  Events events;
  std::string whole;  // where nothing is streamed: a refusal, or an answer
  std::int64_t pieces = 0;
  std::array<char, 16384> bytes;
  while (!parser.is_done()) {
    parser.get().body().data = bytes.data();
    parser.get().body().size = bytes.size();
    boost::system::error_code error;
    co_await http::async_read_some(channel_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
    const std::string_view got(bytes.data(), bytes.size() - parser.get().body().size);
    if (status != 200) {
      whole += got.substr(0, 500);
    } else if (!is_stream) {
      whole += got;
    } else {
      events.push(got, [&](const std::string& event) { take_event(event, sample, pieces); });
    }
    if (request.leave_after > 0 && pieces >= request.leave_after) {
      sample.left = true;
      co_return;
    }
  }
  if (status != 200)
    sample.error = fmt::format("status {}: {}", status, whole);
  else if (!is_stream)
    take_answer(whole, sample);
  else if (sample.error.empty() && pieces == 0)
    sample.error = "an answer without text";
  sample.output_tokens = std::max(sample.output_tokens, pieces);
}

}  // namespace stemma::serve
