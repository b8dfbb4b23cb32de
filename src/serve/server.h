// Models behind an OpenAI-compatible HTTP interface.
//
//   Server server({.http = {.port = 8080}});
//   server.models().open({.path = "models/smollm2"});
//   server.run(process_interrupt());
//
//   POST /v1/chat/completions  /v1/completions  /v1/responses  /v1/embeddings
//   POST /v1/classify  /v1/rerank  /tokenize  /detokenize
//   GET  /v1/models  /v1/models/ID  /health  /ready  /version  /metrics
//   POST /admin/models    DELETE /admin/models/ID
//   GET  /    the web page
//
// What each takes and gives is in docs/serving.md. A field that is not known is an error that names
// it. One thread reads and writes all connections; another one reads what is asked for (templates,
// tokens), so that a long prompt holds up nobody's stream; a third one reads requests whose answer
// has a form, which may have to be compiled first; each model has one of its own. Clients take
// turns on the two that read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/json.h"
#include "serve/admin.h"
#include "serve/http/server.h"
#include "serve/job_thread.h"
#include "serve/keys.h"
#include "serve/metrics.h"
#include "serve/rate_limiter.h"
#include "serve/registry.h"

namespace stemma::serve {

struct ServerOptions {
  HttpOptions http = {};
  Keys keys = {}, admin_keys = {};  // without admin_keys nobody loads or unloads models
  // Of one key, or of one address where there are no keys; 0: as many as they like. A key's own
  // number goes before.
  double requests_per_minute = 0;
  ServeSettings models = {};
  std::vector<std::string> origins = {};  // of web pages that may ask (CORS); "*": all
  std::string version = {};
};

class Server {
 public:
  // Listens from then on. Throws invalid_argument for a host that others can reach without keys,
  // and as HttpServer.
  explicit Server(ServerOptions options);
  ~Server();

  Registry& models() { return registry_; }
  std::uint16_t port() const { return http_->port(); }
  // Until the interrupt is requested and what was under way has ended.
  void run(Interrupt interrupt);

 private:
  using Route = void (Server::*)(const std::shared_ptr<Exchange>&);
  using BodyRoute = void (Server::*)(const std::shared_ptr<Exchange>&, const Json& body);
  void handle(const std::shared_ptr<Exchange>& exchange);
  void route(const std::shared_ptr<Exchange>& exchange);
  void read(const std::shared_ptr<Exchange>& exchange, BodyRoute handler, std::string client);
  bool answers_preflight(const std::shared_ptr<Exchange>& exchange);
  void require_own_page(const HttpRequest& request) const;
  void require_admin(const HttpRequest& request) const;
  // Returns who asks: a key or an address.
  std::string require_key(const HttpRequest& request);
  Served served_of(class Fields& fields) const;
  std::shared_ptr<ModelHost> model_of(class Fields& fields) const;

  void chat(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void responses(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void completions(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void embeddings(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void classify(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void rerank(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void tokenize(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void detokenize(const std::shared_ptr<Exchange>& exchange, const Json& body);
  void models(const std::shared_ptr<Exchange>& exchange);
  void health(const std::shared_ptr<Exchange>& exchange);
  void version(const std::shared_ptr<Exchange>& exchange);
  void metrics(const std::shared_ptr<Exchange>& exchange);

  ServerOptions options_;
  Metrics metrics_;
  RateLimiter limiter_;
  std::unique_ptr<HttpServer> http_;
  // Gone before http_, whose exchanges they hold.
  Registry registry_;
  Admin admin_;
  JobThread reader_, compiler_;
};

}  // namespace stemma::serve
