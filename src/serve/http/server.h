// An HTTP/1.1 server: one thread that reads requests and writes answers for all connections, with
// limits on everything that a client can make long (Boost.Asio and Boost.Beast).
//
//   HttpServer server({.port = 8080}, [](std::shared_ptr<Exchange> exchange) { ... });
//   server.run(process_interrupt());
//
// The handler runs on that thread and must not wait: what takes long is given to other threads,
// which answer the Exchange when they are done.
//
// Slow clients cost little: a head must be whole within header_timeout, however its bytes come
// (against "slow loris"), a body within body_timeout, and an answer that piles up to most_backlog
// ends its connection. When the interrupt is requested the server takes no more connections, lets
// the answers that are under way end, for about drain_timeout at most, and returns. Whoever holds
// an Exchange lets go of it before the server is destroyed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "serve/http/exchange.h"

namespace stemma::serve {

// What was answered, for an access log.
struct AccessRecord {
  std::string client, method, path, id;
  int status = 0;
  std::uint64_t sent_bytes = 0;
  double seconds = 0;
  bool left = false;  // the client, before the end
};

struct HttpOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;  // 0: a free one
  std::size_t most_connections = 1024;
  std::size_t most_head_bytes = 32 << 10, most_body_bytes = 8 << 20, most_backlog = 4 << 20;
  std::size_t most_bodies_bytes = 256 << 20;  // of all requests that are under way
  std::chrono::milliseconds header_timeout{10'000}, body_timeout{60'000}, idle_timeout{75'000};
  std::chrono::milliseconds write_timeout{30'000}, drain_timeout{30'000}, heartbeat{15'000};
  std::function<void(const AccessRecord&)> log = {};  // on the server's thread
  // Called on it where drain_timeout is over: answers under way are to be ended as failed. They
  // have two seconds more to be written. Empty: connections are cut at once.
  std::function<void()> give_up = {};
  // Headers of every answer to a request; empty: none.
  std::function<std::vector<std::pair<std::string, std::string>>(const HttpRequest&)> headers = {};
  // The body of an answer that the server gives itself (status, message); empty: plain text.
  std::function<std::string(int, const std::string&)> error_body = {};
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

class HttpServer {
 public:
  // Listens from then on. Throws invalid_argument for a host that is no address, device where the
  // port is taken or may not be used.
  HttpServer(HttpOptions options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  // Serves until the interrupt is requested and connections have drained.
  void run(Interrupt interrupt);
  std::size_t connections() const;  // from any thread

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// "OK", "Not Found", ...
const char* reason_of(int status);

}  // namespace stemma::serve
