// Models behind an OpenAI-compatible HTTP interface.
//
//   Server server({.http = {.port = 8080}});
//   server.add("smollm2", infer::LoadedModel::open({.path = "models/smollm2"}), {});
//   server.run(process_interrupt());
//
//   POST /v1/chat/completions  /v1/completions  /v1/embeddings  /tokenize  /detokenize
//   GET  /v1/models  /v1/models/ID  /health  /ready  /version  /metrics
//
// What each takes and gives is in docs/serving.md. A field that is not known is an error that names
// it. One thread reads and writes all connections; each model has a thread of its own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "serve/http/server.h"
#include "serve/keys.h"
#include "serve/metrics.h"
#include "serve/model_host.h"

namespace stemma::serve {

struct ServerOptions {
  HttpOptions http = {};
  Keys keys = {};
  std::vector<std::string> origins = {};  // of web pages that may ask (CORS); "*": all
  std::string version = {};
};

class Server {
 public:
  // Listens from then on. Throws invalid_argument for a host that others can reach without keys,
  // and as HttpServer.
  explicit Server(ServerOptions options);
  ~Server();

  // Serves a model under this id. Throws invalid_argument where the id is taken; as ModelHost.
  void add(const std::string& id, infer::LoadedModel model, const infer::EngineOptions& engine);
  std::uint16_t port() const { return http_->port(); }
  // Until the interrupt is requested and what was under way has ended.
  void run(Interrupt interrupt);

 private:
  using Route = void (Server::*)(const std::shared_ptr<Exchange>&);
  void handle(const std::shared_ptr<Exchange>& exchange);
  void route(const std::shared_ptr<Exchange>& exchange);
  bool answers_preflight(const std::shared_ptr<Exchange>& exchange);
  std::shared_ptr<ModelHost> model_of(class Fields& fields) const;

  void chat(const std::shared_ptr<Exchange>& exchange);
  void completions(const std::shared_ptr<Exchange>& exchange);
  void embeddings(const std::shared_ptr<Exchange>& exchange);
  void tokenize(const std::shared_ptr<Exchange>& exchange);
  void detokenize(const std::shared_ptr<Exchange>& exchange);
  void models(const std::shared_ptr<Exchange>& exchange);
  void health(const std::shared_ptr<Exchange>& exchange);
  void version(const std::shared_ptr<Exchange>& exchange);
  void metrics(const std::shared_ptr<Exchange>& exchange);

  ServerOptions options_;
  Metrics metrics_;
  std::unique_ptr<HttpServer> http_;
  std::map<std::string, std::shared_ptr<ModelHost>, std::less<>> hosts_;  // gone before http_
};

}  // namespace stemma::serve
