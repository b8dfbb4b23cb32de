#include "serve/client/event_client.h"

#include <array>
#include <chrono>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "serve/client/channel.h"
#include "serve/client/events.h"

namespace stemma::serve {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::chrono::seconds kConnectSeconds{10}, kGetSeconds{30};

// What the server says is wrong, or the beginning of what it says.
std::string message_of(const std::string& body) {
  try {
    return Json::parse(body, "an error").at("error").at("message").as_string();
  } catch (const Error&) {
    return body.substr(0, 300);
  }
}

void check_status(unsigned status, const std::string& body) {
  if (status == 200) return;
  throw Error(status < 500 ? ErrorCode::invalid_argument : ErrorCode::device,
              fmt::format("[client] the server says (status {}): {}", status, message_of(body)));
}

std::string request_of(const Endpoint& at, const std::string& key, const char* method,
                       std::string_view path, const std::string& body) {
  return fmt::format(
      "{} {}{} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n{}Content-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      method, at.base_path, path, at.host, at.port,
      key.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", key), body.size(), body);
}

}  // namespace

// One request on a connection of its own.
class EventClient::Connection {
 public:
  Connection(const Endpoint& at, Interrupt interrupt)
      : at_(at),
        interrupt_(interrupt),
        context_(tls_context_for(at)),
        channel_(loop_, context_.get()) {
    answer_within(kConnectSeconds);
    boost::system::error_code error;
    const auto server = tcp::resolver(loop_).resolve(at.host, std::to_string(at.port), error);
    if (error) fail(error);
    channel_.tcp().async_connect(
        server, [this](boost::system::error_code e, const tcp::endpoint&) { done_ = e; });
    if (wait()) {
      channel_.async_greet(at.host, [this](boost::system::error_code e) { done_ = e; });
      wait();
    }
    deadline_ = Clock::time_point::max();
  }

  // What follows fails when it takes longer. Without it, it may take for ever.
  void answer_within(std::chrono::seconds time) { deadline_ = Clock::now() + time; }

  // False where the interrupt came. use(bytes, ok): a piece of the body of an answer with status
  // 200 or of another one; false: no more.
  template <class TakeBytes>
  bool ask(const std::string& request, const TakeBytes& use) {
    asio::async_write(channel_, asio::buffer(request),
                      [this](boost::system::error_code e, std::size_t) { done_ = e; });
    if (!wait()) return false;
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(std::uint64_t{1} << 32);
    http::async_read_header(channel_, buffer_, parser,
                            [this](boost::system::error_code e, std::size_t) { done_ = e; });
    if (!wait()) return false;
    status_ = parser.get().result_int();
    std::array<char, 16384> bytes;
    while (!parser.is_done()) {
      parser.get().body().data = bytes.data();
      parser.get().body().size = bytes.size();
      http::async_read_some(channel_, buffer_, parser,
                            [this](boost::system::error_code e, std::size_t) { done_ = e; });
      if (!wait()) return false;
      const std::string_view got(bytes.data(), bytes.size() - parser.get().body().size);
      if (!use(got, status_ == 200)) return false;
    }
    return true;
  }
  unsigned status() const { return status_; }

 private:
  using Clock = std::chrono::steady_clock;

  [[noreturn]] void fail(const boost::system::error_code& error) const {
    throw Error(ErrorCode::communication,
                fmt::format("[client] no answer from {}: {}; is a server running there?", at_.url(),
                            error.message()));
  }

  // Until what was begun is done; false where the interrupt came first.
  bool wait() {
    done_ = asio::error::would_block;
    while (done_ == asio::error::would_block) {
      loop_.restart();
      loop_.run_for(std::chrono::milliseconds(50));
      const bool late = Clock::now() > deadline_;
      if (!interrupt_.requested() && !late) continue;
      channel_.close();
      loop_.restart();
      loop_.run();
      if (late) fail(asio::error::timed_out);
      return false;
    }
    if (done_ && done_ != http::error::need_buffer) fail(done_);
    return true;
  }

  Endpoint at_;
  Interrupt interrupt_;
  asio::io_context loop_;
  std::unique_ptr<TlsContext> context_;
  Channel channel_;
  boost::beast::flat_buffer buffer_;
  boost::system::error_code done_;
  Clock::time_point deadline_;
  unsigned status_ = 0;
};

EventClient::EventClient(Endpoint endpoint, std::string key)
    : endpoint_(std::move(endpoint)), key_(std::move(key)) {}

EventClient::~EventClient() = default;

Json EventClient::get(std::string_view path) {
  Connection connection(endpoint_, {});
  connection.answer_within(kGetSeconds);
  std::string body;
  connection.ask(request_of(endpoint_, key_, "GET", path, ""), [&](std::string_view bytes, bool) {
    body += bytes;
    return true;
  });
  check_status(connection.status(), body);
  return Json::parse(body, "the server's answer");
}

void EventClient::stream(std::string_view path, const Json& body, const Use& use,
                         Interrupt interrupt) {
  Connection connection(endpoint_, interrupt);
  Events events;
  std::string refusal;
  bool wanted = true;
  const bool whole = connection.ask(
      request_of(endpoint_, key_, "POST", path, body.dump()),
      [&](std::string_view bytes, bool good) {
        if (!good) {
          refusal += bytes;
          return refusal.size() < 65536;
        }
        events.push(bytes, [&](const std::string& data) {
          if (!wanted || data == "[DONE]") return;
          const Json chunk = Json::parse(data, "an event");
          if (const Json* error = chunk.find("error"); error && error->is_object())
            throw Error(ErrorCode::device, fmt::format("[client] the server says: {}",
                                                       error->get("message", "an error")));
          wanted = use(chunk);
        });
        return wanted;
      });
  if (whole || !refusal.empty()) check_status(connection.status(), refusal);
}

}  // namespace stemma::serve
