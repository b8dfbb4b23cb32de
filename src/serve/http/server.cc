#include "serve/http/server.h"

#include <atomic>
#include <list>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "serve/http/session.h"

namespace stemma::serve {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kLastWords{2};  // for what give_up ended

}  // namespace

class HttpServer::Implementation {
 public:
  Implementation(HttpOptions options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        acceptor_(loop_),
        timer_(loop_) {
    listen();
  }

  std::uint16_t port() const { return port_; }
  std::size_t connections() const { return connections_; }

  void run(Interrupt interrupt) {
    accept();
    watch(interrupt);
    loop_.run();
  }

 private:
  void listen() {
    boost::system::error_code error;
    const auto address =
        asio::ip::make_address(options_.host == "localhost" ? "127.0.0.1" : options_.host, error);
    if (error)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[serve] host must be an IP address of this machine (127.0.0.1, "
                              "0.0.0.0, ::1), got '{}'",
                              options_.host));
    const tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error)
      throw Error(ErrorCode::device,
                  fmt::format("[serve] cannot listen on {} port {}: {}; choose another --port, or "
                              "end the program that has it",
                              options_.host, options_.port, error.message()));
    port_ = acceptor_.local_endpoint().port();
  }

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (draining_) return;
      if (error) {
        // Out of file descriptors, usually: some will be free in a moment.
        pause_.expires_after(std::chrono::milliseconds(100));
        pause_.async_wait([this](boost::system::error_code) {
          if (!draining_) accept();
        });
        return;
      }
      const bool full = connections_ >= options_.most_connections;
      auto session = std::make_shared<Session>(
          std::move(socket),
          SessionHost{options_, handler_, connections_, bodies_bytes_, draining_});
      sessions_.remove_if([](const auto& s) { return s.expired(); });
      sessions_.push_back(session);
      full ? session->refuse() : session->start();
      accept();
    });
  }

  void watch(Interrupt interrupt) {
    timer_.expires_after(std::chrono::milliseconds(50));
    timer_.async_wait([this, interrupt](boost::system::error_code) {
      if (!interrupt.requested()) return watch(interrupt);
      begin_drain();
    });
  }

  void begin_drain() {
    draining_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& s : sessions_)
      if (const auto session = s.lock()) session->drain();
    drained_at_ = std::chrono::steady_clock::now() + options_.drain_timeout;
    wait_for_last();
  }

  void wait_for_last() {
    timer_.expires_after(std::chrono::milliseconds(20));
    timer_.async_wait([this](boost::system::error_code) {
      if (connections_ == 0) return loop_.stop();
      if (std::chrono::steady_clock::now() < drained_at_) return wait_for_last();
      if (const auto give_up = std::exchange(options_.give_up, {})) {
        give_up();
        drained_at_ = std::chrono::steady_clock::now() + kLastWords;
        return wait_for_last();
      }
      for (const auto& s : sessions_)
        if (const auto session = s.lock()) session->cut();
      loop_.stop();
    });
  }

  HttpOptions options_;
  Handler handler_;
  // What sessions see is there longer than the loop, which may hold the last of them.
  std::atomic<std::size_t> connections_{0};
  std::size_t bodies_bytes_ = 0;
  bool draining_ = false;
  asio::io_context loop_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer timer_, pause_{loop_};
  std::uint16_t port_ = 0;
  std::chrono::steady_clock::time_point drained_at_;
  std::list<std::weak_ptr<Session>> sessions_;
};

HttpServer::HttpServer(HttpOptions options, Handler handler)
    : implementation_(std::make_unique<Implementation>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return implementation_->port(); }
void HttpServer::run(Interrupt interrupt) { implementation_->run(interrupt); }
std::size_t HttpServer::connections() const { return implementation_->connections(); }

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Unknown";
  }
}

}  // namespace stemma::serve
