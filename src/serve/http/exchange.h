// One HTTP request that waits for its answer, and the ways to give it one: whole, or piece by piece
// as it comes into being.
//
//   void answer(std::shared_ptr<Exchange> exchange) {
//     exchange->respond({.status = 200, .body = R"({"status": "ok"})"});
//   }
//
// The answer may be given later and from any thread, by whoever holds the pointer; one that is
// dropped without an answer gets status 500, and one that is dropped in the middle of a stream ends
// its connection. Calls after the client has left do nothing.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"

namespace stemma::serve {

struct HttpRequest {
  std::string method, path, query;  // path: percent-decoded, without a slash at its end
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string client;  // its address
  std::string id;      // x-request-id: the client's, or one that was drawn

  // Empty where there is none.
  std::string_view header(std::string_view lower_case_name) const;
};

// The prefix and 32 hexadecimal digits by chance: "chatcmpl-1f...". Any thread.
std::string drawn_id(std::string_view prefix);

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

class Exchange {
 public:
  explicit Exchange(HttpRequest request) : request_(std::move(request)) {}
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const HttpRequest& request() const { return request_; }

  virtual void respond(HttpResponse response) = 0;

  // A streamed answer: the head (whose body is not read), pieces, the end. heartbeat: a piece that
  // is sent where nothing else was for a while, so that proxies keep the connection.
  virtual void begin(HttpResponse head, std::string heartbeat) = 0;
  virtual void write(std::string piece) = 0;
  virtual void end() = 0;

  // Requested once the client has left, or reads too slowly.
  Interrupt gone() const { return Interrupt(gone_); }

 protected:
  void mark_gone() { gone_ = 1; }

 private:
  HttpRequest request_;
  std::atomic<int> gone_{0};
};

}  // namespace stemma::serve
