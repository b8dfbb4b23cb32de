#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "serve/server.h"

namespace stemma::cli {
namespace {

struct ServeFlags {
  ModelFlags model;
  std::string name, host = "127.0.0.1", key_file, access_log;
  std::vector<std::string> origins;
  std::int64_t port = 8080, streams = 32, context = 0, cache_memory = 0;
  std::int64_t most_connections = 1024;
};

// A model's id: what it is called, otherwise the name of its folder or file.
std::string model_id(const ServeFlags& o) {
  if (!o.name.empty()) return o.name;
  const std::filesystem::path path = std::filesystem::absolute(o.model.model).lexically_normal();
  const std::filesystem::path name =
      path.has_filename() ? path.filename() : path.parent_path().filename();
  return name.extension() == ".gguf" ? name.stem().string() : name.string();
}

// The cache holds what --cache-memory has room for, at least one whole text, and no more than all
// streams at their full length.
infer::EngineOptions engine_options(const ServeFlags& o, const infer::LoadedModel& model) {
  infer::EngineOptions engine;
  engine.slots = o.streams;
  engine.capacity = o.context;
  engine.share_prefixes = true;
  engine.prompt_tokens = 512;
  const std::int64_t one =
      o.context > 0 ? std::min(o.context, model.most_tokens()) : model.most_tokens();
  constexpr std::int64_t kUsualMemory = std::int64_t{2} << 30;
  const auto bytes = static_cast<std::uint64_t>(o.cache_memory > 0 ? o.cache_memory : kUsualMemory);
  const std::uint64_t token = infer::PagePool::token_bytes(model.config(), model.numerics());
  const auto tokens = static_cast<std::int64_t>(bytes / token);
  if (o.cache_memory > 0 && tokens < one)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[serve] --cache-memory holds {} tokens, and one text may have {}: give "
                    "at least {} bytes, or a smaller --context",
                    tokens, one, static_cast<std::uint64_t>(one) * token));
  engine.cache_tokens = std::max(one, std::min(tokens, o.streams * one));
  return engine;
}

void log_access(const serve::AccessRecord& r) {
  const Json line = Json::object({{"client", r.client},
                                  {"method", r.method},
                                  {"path", r.path},
                                  {"status", r.status},
                                  {"bytes", r.sent_bytes},
                                  {"seconds", r.seconds},
                                  {"left", r.left},
                                  {"request_id", r.id}});
  print(line.dump() + "\n");
}

int run_serve(const ServeFlags& o) {
  serve::ServerOptions options;
  options.http.host = o.host;
  options.http.port = static_cast<std::uint16_t>(o.port);
  options.http.most_connections = static_cast<std::size_t>(o.most_connections);
  options.http.log = log_access;
  options.version = kVersion;
  options.origins = o.origins;
  if (!o.key_file.empty()) options.keys = serve::Keys::of_file(o.key_file);
  serve::Server server(std::move(options));
  infer::LoadedModel model = infer::LoadedModel::open(o.model.options());
  const infer::EngineOptions engine = engine_options(o, model);
  server.add(model_id(o), std::move(model), engine);
  log_info(fmt::format("listening on http://{}:{}",
                       o.host.find(':') == std::string::npos ? o.host : "[" + o.host + "]",
                       server.port()));
  server.run(process_interrupt());
  log_info("the server has ended");
  return interrupted_or_done();
}

}  // namespace

void add_serve(Program& program) {
  auto o = std::make_shared<ServeFlags>();
  Command& c = program.add("serve", "answer clients of OpenAI's API with a model");
  c.about =
      "Listens for HTTP requests and answers them as OpenAI's API does: /v1/chat/completions, "
      "/v1/completions, /v1/embeddings, /v1/models; besides /tokenize, /detokenize, /health, "
      "/ready, /version and /metrics (for Prometheus). Requests share the model's passes, and "
      "those "
      "that begin alike share what was computed for it. A field that is not known is an error that "
      "names it. The access log goes to standard output, a line of JSON for each answer. Ctrl-C or "
      "SIGTERM: no new requests, those under way end. Reachable from this machine only unless "
      "--host says otherwise, which needs --api-key-file.";
  c.examples = {"stemma serve --model models/smollm2",
                "stemma serve --model models/minilm --port 0 --name embedder",
                "stemma serve --model smollm2.gguf --host 0.0.0.0 --api-key-file keys.txt"};
  declare(o->model, c.options);
  c.options.add({"name", "the model's id; not given: the name of its folder", "assistant"},
                o->name);
  c.options.add({"port", "to listen on; 0: a free one", "8080", {"p"}}, o->port, {0, 65535});
  c.options.add({"host",
                 "the address to listen on; 0.0.0.0: of all networks",
                 "127.0.0.1",
                 {"listen", "bind"}},
                o->host);
  c.options.add_path(
      {"api_key_file", "keys of which clients must show one, one a line", "keys.txt"}, o->key_file);
  c.options.add({"cors_origin",
                 "web pages that may ask from a browser, by their origin; *: all; may be given "
                 "several times",
                 "https://example.org",
                 {"cors", "allowed_origins"}},
                o->origins);
  c.options.add({"streams",
                 "texts that are written at the same time, at most; others wait",
                 "32",
                 {"parallel", "np", "max_num_seqs"}},
                o->streams, {1, 4096});
  c.options.add({"context",
                 "tokens of a text, its prompt among them; 0: the model's context",
                 "2048",
                 {"ctx_size", "max_model_len", "c"}},
                o->context, {0, 1 << 24});
  c.options.add({"cache_memory",
                 "bytes for keys and values; 0: 2 GiB, or less where all streams "
                 "need less",
                 "4000000000"},
                o->cache_memory, {0, std::int64_t{1} << 45});
  c.options.add({"max_connections", "at the same time; more get status 503", "1024"},
                o->most_connections, {1, 65536});
  c.required = {"model"};
  c.run = [o] { return run_serve(*o); };
}

}  // namespace stemma::cli
