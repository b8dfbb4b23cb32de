// A connection to a server, with TLS or without: an asynchronous stream as Boost.Asio's and Beast's
// functions read and write.
//
//   Channel channel(loop, tls_context.get());       // null: without TLS
//   co_await channel.tcp().async_connect(addresses, asio::use_awaitable);
//   co_await channel.async_greet("api.example.org", asio::use_awaitable);
//   co_await asio::async_write(channel, asio::buffer(request), asio::use_awaitable);
//
// Private to serve/client and serve/load: it shows Boost's types. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/rfc2818_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "serve/client/endpoint.h"

namespace stemma::serve {

using TlsContext = boost::asio::ssl::context;

// Null for an endpoint without TLS. Servers must show a certificate that the system trusts.
std::unique_ptr<TlsContext> tls_context_for(const Endpoint& at);

class Channel {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  // Keeps `context`.
  Channel(boost::asio::io_context& loop, TlsContext* context) : context_(context), tcp_(loop) {}

  executor_type get_executor() { return tcp_.get_executor(); }
  boost::beast::tcp_stream& tcp() { return tcp_; }
  bool is_open() { return tcp_.socket().is_open(); }

  // TLS's handshake with a server of this name; nothing without TLS. `token` takes an error code.
  template <class Token>
  auto async_greet(const std::string& host, Token&& token) {
    prepare(host);
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto handler) {
          if (tls_)
            tls_->async_handshake(boost::asio::ssl::stream_base::client, std::move(handler));
          else
            boost::asio::post(tcp_.get_executor(), [h = std::move(handler)]() mutable {
              h(boost::system::error_code());
            });
        },
        token);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return tls_ ? tls_->async_read_some(buffers, std::forward<Token>(token))
                : tcp_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return tls_ ? tls_->async_write_some(buffers, std::forward<Token>(token))
                : tcp_.async_write_some(buffers, std::forward<Token>(token));
  }

  // At once, without TLS's farewell: answers say how long they are.
  void close() {
    tls_.reset();
    tcp_.close();
  }

 private:
  void prepare(const std::string& host);

  TlsContext* context_;
  boost::beast::tcp_stream tcp_;
  std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
};

}  // namespace stemma::serve
