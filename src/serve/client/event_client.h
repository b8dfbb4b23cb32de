// A client of OpenAI's API for one conversation at a time: asks, and waits for the answer, which
// may come as a stream.
//
//   EventClient client(Endpoint::of_url(url), key);
//   const Json models = client.get("/models");
//   client.stream("/chat/completions", body, [](const Json& chunk) { return true; }, interrupt);
//
// One thread. Throws communication where the server cannot be reached or leaves in the middle,
// invalid_argument with the server's own words where it refuses (status 4xx), otherwise device.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/json.h"
#include "serve/client/endpoint.h"

namespace stemma::serve {

class EventClient {
 public:
  // key: empty: none is shown.
  EventClient(Endpoint endpoint, std::string key);
  ~EventClient();
  EventClient(const EventClient&) = delete;
  EventClient& operator=(const EventClient&) = delete;

  // Fails where the answer takes more than 30 seconds; both, where connecting takes more than 10.
  Json get(std::string_view path);
  // `use` gets each chunk; false, or the interrupt, ends the answer and the connection. An answer
  // may take any time: a server may have a queue.
  using Use = std::function<bool(const Json&)>;
  void stream(std::string_view path, const Json& body, const Use& use, Interrupt interrupt = {});

 private:
  class Connection;
  Endpoint endpoint_;
  std::string key_;
};

}  // namespace stemma::serve
