// One client of a load generator: a connection on which it asks, reads the answer as it comes and
// notes when what came. Coroutines of one thread.
//
//   LoadClient client(plan, loop, resolved);
//   const LoadSample sample = co_await client.ask({.number = 7, .target = {}, .leave_after = 0});
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>  // awaitable.hpp of Boost 1.74 needs it and does not include it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "serve/client/channel.h"
#include "serve/load/load.h"

namespace stemma::serve {

struct LoadRequest {
  std::int64_t number = 0;  // of its prompt
  LoadTarget target = {};
  // The client closes the connection after so many pieces of text, or, where the route answers
  // once, as soon as the request is sent. 0: it stays to the end.
  std::int64_t leave_after = 0;
};

// What one request gave.
struct LoadSample {
  bool left = false;       // the client closed the connection as planned
  std::string error = {};  // empty: answered
  std::int64_t prompt_tokens = 0, output_tokens = 0;
  std::chrono::steady_clock::time_point asked = {}, first = {}, last = {};
};

class LoadClient {
 public:
  // Where the server is, and the context of its TLS (null: without).
  struct Server {
    boost::asio::ip::tcp::resolver::results_type addresses = {};
    std::unique_ptr<TlsContext> tls = {};
  };
  // Keeps references to all three.
  LoadClient(const LoadPlan& plan, boost::asio::io_context& loop, const Server& server);

  // Does not throw: what went wrong is in the sample. A server may close a connection on which
  // nothing was asked for a while: where it did so before it saw the request, that is asked again
  // on a new one.
  boost::asio::awaitable<LoadSample> ask(LoadRequest request);

 private:
  boost::asio::awaitable<LoadSample> try_once(const LoadRequest& request);
  boost::asio::awaitable<void> read_answer(const LoadRequest& request, LoadSample& sample);
  std::string request_text(const LoadRequest& request) const;

  const LoadPlan& plan_;
  const Server& server_;
  Channel channel_;
  boost::beast::flat_buffer buffer_;
  bool keep_alive_ = true;
  bool heard_ = false;  // an answer has begun
};

}  // namespace stemma::serve
