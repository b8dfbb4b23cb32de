#include "serve/server.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "serve/api/api_error.h"
#include "serve/api/chat.h"
#include "serve/api/classify.h"
#include "serve/api/common_fields.h"
#include "serve/api/completions.h"
#include "serve/api/embeddings.h"
#include "serve/api/fields.h"
#include "serve/api/rerank.h"
#include "serve/api/response_format.h"
#include "serve/api/responses.h"
#include "serve/page/page.h"

namespace stemma::serve {
namespace {

bool is_loopback(std::string_view host) {
  const bool digits = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && digits);
}

// A path as it stands in the metrics: what is not known is one word, so that nobody can fill them.
std::string metric_path(const std::string& path) {
  constexpr std::array kKnown = {"/v1/chat/completions",
                                 "/v1/completions",
                                 "/v1/embeddings",
                                 "/v1/classify",
                                 "/v1/rerank",
                                 "/v1/responses",
                                 "/v1/models",
                                 "/tokenize",
                                 "/detokenize",
                                 "/health",
                                 "/ready",
                                 "/version",
                                 "/metrics"};
  if (std::ranges::count(kKnown, path) > 0) return path;
  if (Admin::owns(path)) return "/admin/models";
  if (path == "/" || path.starts_with("/page/")) return "/";
  return path.starts_with("/v1/models/") ? "/v1/models/ID" : "other";
}

// A page of another origin may read the answer only where these say so.
std::vector<std::pair<std::string, std::string>> cors_headers(
    const std::vector<std::string>& origins, const HttpRequest& request) {
  const std::string origin(request.header("origin"));
  if (origin.empty() ||
      (std::ranges::count(origins, origin) == 0 && std::ranges::count(origins, "*") == 0))
    return {};
  return {{"Access-Control-Allow-Origin", origin},
          {"Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"},
          {"Access-Control-Allow-Headers", "authorization, content-type, x-request-id"},
          {"Vary", "Origin"}};
}

Json ids_json(std::span<const std::int32_t> ids) {
  Json list = Json::array();
  for (const std::int32_t id : ids) list.push_back(id);
  return list;
}

}  // namespace

Server::Server(ServerOptions options)
    : options_(std::move(options)), registry_(options_.models, metrics_), admin_(registry_) {
  if (!is_loopback(options_.http.host) && options_.keys.empty())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[serve] host {} can be reached from other machines: give the keys that "
                    "clients must show with --api-key-file, or keep to 127.0.0.1",
                    options_.http.host));
  HttpOptions http = options_.http;
  http.error_body = [](int status, const std::string& message) {
    return error_body(status, message);
  };
  http.headers = [origins = options_.origins](const HttpRequest& request) {
    return cors_headers(origins, request);
  };
  http.log = [this, log = http.log](const AccessRecord& record) {
    metrics_.count_answer(metric_path(record.path), record.status);
    if (log) log(record);
  };
  http.give_up = [this] { registry_.stop(); };
  http_ = std::make_unique<HttpServer>(
      std::move(http), [this](const std::shared_ptr<Exchange>& exchange) { handle(exchange); });
}

Server::~Server() = default;

void Server::run(Interrupt interrupt) { http_->run(interrupt); }

void Server::handle(const std::shared_ptr<Exchange>& exchange) {
  try {
    if (!answers_preflight(exchange)) route(exchange);
  } catch (...) {
    exchange->respond(error_response(std::current_exception()));
  }
}

bool Server::answers_preflight(const std::shared_ptr<Exchange>& exchange) {
  if (exchange->request().method != "OPTIONS") return false;
  exchange->respond({.status = 204, .headers = {{"Allow", "GET, POST, DELETE, OPTIONS"}}});
  return true;
}

void Server::route(const std::shared_ptr<Exchange>& exchange) {
  struct Entry {
    std::string_view path;
    Route get = nullptr;
    BodyRoute post = nullptr;
    bool open = false;  // without a key
    const char* method() const { return post ? "POST" : "GET"; }
  };
  static constexpr std::array kRoutes = {
      Entry{.path = "/v1/chat/completions", .post = &Server::chat},
      Entry{.path = "/v1/responses", .post = &Server::responses},
      Entry{.path = "/v1/completions", .post = &Server::completions},
      Entry{.path = "/v1/embeddings", .post = &Server::embeddings},
      Entry{.path = "/v1/classify", .post = &Server::classify},
      Entry{.path = "/v1/rerank", .post = &Server::rerank},
      Entry{.path = "/v1/models", .get = &Server::models},
      Entry{.path = "/tokenize", .post = &Server::tokenize},
      Entry{.path = "/detokenize", .post = &Server::detokenize},
      Entry{.path = "/health", .get = &Server::health, .open = true},
      Entry{.path = "/ready", .get = &Server::health, .open = true},
      Entry{.path = "/version", .get = &Server::version},
      Entry{.path = "/metrics", .get = &Server::metrics},
  };
  const HttpRequest& request = exchange->request();
  require_own_page(request);
  if (Admin::owns(request.path)) {
    require_admin(request);
    return admin_.handle(exchange);
  }
  // The page asks for the key itself.
  if (request.method == "GET" || request.method == "HEAD")
    if (auto page = page_response(request.path)) return exchange->respond(*std::move(page));
  const auto fits = [&](const Entry& e) {
    return e.path == request.path ||
           (e.path == "/v1/models" && request.path.starts_with("/v1/models/"));
  };
  const auto found = std::ranges::find_if(kRoutes, fits);
  std::string client;
  if (found == kRoutes.end() || !found->open) client = require_key(request);
  if (found == kRoutes.end())
    throw ApiError(404, fmt::format("there is nothing at {} {}", request.method, request.path), "",
                   "unknown_url");
  const bool head = found->get && request.method == "HEAD";
  if (found->method() != request.method && !head)
    throw ApiError(
        405, fmt::format("{} takes {}, got {}", request.path, found->method(), request.method), "",
        "method_not_allowed");
  if (found->get) return (this->*found->get)(exchange);
  read(exchange, found->post, std::move(client));
}

// Compiling a form may take seconds; whoever asks for none does not wait for that.
void Server::read(const std::shared_ptr<Exchange>& exchange, BodyRoute handler,
                  std::string client) {
  const auto guarded = [exchange](const auto& work) {
    try {
      if (!exchange->gone().requested()) work();
    } catch (...) {
      exchange->respond(error_response(std::current_exception()));
    }
  };
  reader_.post(client, [=, this] {
    guarded([&] {
      auto body = std::make_shared<const Json>(parsed_body(exchange->request()));
      if (!asks_for_form(*body)) return (this->*handler)(exchange, *body);
      compiler_.post(client, [=, this] { guarded([&] { (this->*handler)(exchange, *body); }); });
    });
  });
}

// Without keys whoever reaches this machine's own address may ask. Pages of other sites reach it
// through the browser of whoever works here: by an address of their own that they point here (DNS
// rebinding), or by asking blindly.
void Server::require_own_page(const HttpRequest& request) const {
  if (!options_.keys.empty()) return;
  const std::string_view host = request.header("host"), origin = request.header("origin");
  const std::string_view name =
      host.starts_with('[') ? host.substr(1, host.find(']') - 1) : host.substr(0, host.find(':'));
  if (!host.empty() && !is_loopback(name))
    throw ApiError(403,
                   fmt::format("a server without keys answers at this machine's own names "
                               "(127.0.0.1, localhost), got '{}': start it with --api-key-file",
                               name),
                   "", "foreign_host");
  const bool own = origin.empty() || origin == fmt::format("http://{}", host) ||
                   std::ranges::count(options_.origins, origin) > 0 ||
                   std::ranges::count(options_.origins, "*") > 0;
  if (!own)
    throw ApiError(403,
                   fmt::format("a page of {} may not ask: allow it with --cors-origin", origin), "",
                   "foreign_origin");
}

void Server::require_admin(const HttpRequest& request) const {
  if (options_.admin_keys.empty())
    throw ApiError(403,
                   "models are loaded and unloaded with a key of their own: start the server with "
                   "--admin-key-file",
                   "", "admin_disabled");
  if (!options_.admin_keys.find(request.header("authorization")))
    throw ApiError(401, "this needs a key of --admin-key-file: 'Authorization: Bearer KEY'", "",
                   "invalid_api_key");
}

// Whoever has no key is known by the address.
std::string Server::require_key(const HttpRequest& request) {
  const auto key = options_.keys.find(request.header("authorization"));
  if (!options_.keys.empty() && !key)
    throw ApiError(401, "the key is missing or wrong: send 'Authorization: Bearer KEY'", "",
                   "invalid_api_key");
  std::string client = key ? fmt::format("key {}", *key) : "address " + request.client;
  if (request.method != "POST") return client;
  const double limit = key ? options_.keys.per_minute(*key).value_or(options_.requests_per_minute)
                           : options_.requests_per_minute;
  if (limit <= 0) return client;
  const auto wait = limiter_.take(client, limit);
  if (!wait) return client;
  ApiError error(429,
                 fmt::format("more than {:g} requests a minute: ask again in {:.1f} seconds", limit,
                             wait->count()),
                 "", "rate_limit_exceeded");
  error.retry_seconds = wait->count();
  throw error;
}

Served Server::served_of(Fields& fields) const {
  const auto name = fields.string("model");
  if (name)
    if (auto found = registry_.find(*name)) return *std::move(found);
  const std::vector<Served> all = registry_.all();
  if (!name && all.size() == 1) return all.front();
  if (!name) throw ApiError(400, "'model' is missing", "model", "missing_required_parameter");
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const Served& served : all) names.push_back(served.id());
  throw ApiError(404,
                 fmt::format("there is no model '{}': there is {}", *name, fmt::join(names, ", ")),
                 "model", "model_not_found");
}

std::shared_ptr<ModelHost> Server::model_of(Fields& fields) const {
  Served served = served_of(fields);
  if (!served.model)
    throw ApiError(
        400,
        fmt::format("the model '{}' is fine-tuned for a task: ask it at /v1/classify", served.id()),
        "model");
  return std::move(served.model);
}

void Server::chat(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  answer_chat(exchange, model_of(fields), metrics_, fields);
}

void Server::responses(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  answer_response(exchange, model_of(fields), metrics_, fields);
}

void Server::completions(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  complete_text(exchange, model_of(fields), metrics_, fields);
}

void Server::embeddings(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  embed_texts(exchange, model_of(fields), fields);
}

void Server::classify(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  Served served = served_of(fields);
  if (!served.task)
    throw ApiError(400,
                   fmt::format("the model '{}' has no head of a task: fine-tune one (stemma "
                               "finetune) and serve it",
                               served.id()),
                   "model");
  classify_rows(exchange, std::move(served.task), fields);
}

void Server::rerank(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  rerank_documents(exchange, served_of(fields), fields);
}

void Server::tokenize(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  const auto host = model_of(fields);
  fields.required("text");
  const std::string text = fields.string("text").value_or("");
  const bool framed = fields.boolean("add_special_tokens").value_or(false);
  fields.finish();
  const Tokenizer& tokenizer = host->model().tokenizer();
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  if (framed) ids = tokenizer.frame(ids).ids;
  exchange->respond(
      {.body = Json::object({{"tokens", ids_json(ids)}, {"count", std::ssize(ids)}}).dump()});
}

void Server::detokenize(const std::shared_ptr<Exchange>& exchange, const Json& body) {
  Fields fields(body);
  const auto host = model_of(fields);
  const Json& tokens = fields.required("tokens");
  fields.finish();
  const Tokenizer& tokenizer = host->model().tokenizer();
  std::vector<std::int32_t> ids;
  if (!tokens.is_array()) throw ApiError(400, "'tokens' must be a list of token ids", "tokens");
  for (const Json& id : tokens.as_array()) {
    if (!id.is_int() || id.as_int() < 0 || id.as_int() >= tokenizer.vocab_size() ||
        !tokenizer.has_token(static_cast<std::int32_t>(id.as_int())))
      throw ApiError(400, fmt::format("'tokens' has {}, which is no token", id.dump()), "tokens");
    ids.push_back(static_cast<std::int32_t>(id.as_int()));
  }
  exchange->respond({.body = Json::object({{"text", tokenizer.decode(ids)}}).dump()});
}

void Server::models(const std::shared_ptr<Exchange>& exchange) {
  constexpr std::string_view kOne = "/v1/models/";
  const std::string& path = exchange->request().path;
  if (path.starts_with(kOne)) {
    const auto found = registry_.find(path.substr(kOne.size()));
    if (!found)
      throw ApiError(404, fmt::format("there is no model '{}'", path.substr(kOne.size())), "model",
                     "model_not_found");
    return exchange->respond({.body = model_json(*found).dump()});
  }
  Json list = Json::array();
  for (const Served& served : registry_.all()) list.push_back(model_json(served));
  exchange->respond({.body = Json::object({{"object", "list"}, {"data", std::move(list)}}).dump()});
}

void Server::health(const std::shared_ptr<Exchange>& exchange) {
  exchange->respond({.body = R"({"status":"ok"})"});
}

void Server::version(const std::shared_ptr<Exchange>& exchange) {
  exchange->respond({.body = Json::object({{"version", options_.version}}).dump()});
}

void Server::metrics(const std::shared_ptr<Exchange>& exchange) {
  Metrics::Loads loads;
  for (const Served& served : registry_.all()) {
    if (served.task)
      loads.emplace_back(
          served.id(),
          infer::Engine::Load{.waiting = static_cast<std::int64_t>(served.task->waiting_rows())});
    else if (served.model->writes() && !served.model->has_adapter())
      loads.emplace_back(served.id(), served.model->engine()->load());
  }
  exchange->respond({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                     .body = metrics_.text(loads, http_->connections())});
}

}  // namespace stemma::serve
