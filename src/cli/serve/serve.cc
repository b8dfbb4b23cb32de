#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/model/draft_flags.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/serve/access_log.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "serve/server.h"

namespace stemma::cli {
namespace {

struct ServeFlags {
  std::vector<std::string> models, adapters, origins;
  serve::ServeSettings settings;
  DraftFlags draft;
  std::string name, host = "127.0.0.1", key_file, admin_key_file;
  std::int64_t port = 8080, most_connections = 1024;
  double rate_limit = 0;
};

// "poems=runs/poems", or a path alone.
serve::ModelSource source_of(const std::string& text) {
  std::error_code ignored;
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || text.find('/') < equals ||
      std::filesystem::exists(text, ignored))
    return {.path = text};
  return {.id = text.substr(0, equals), .path = with_home(text.substr(equals + 1))};
}

void open_models(const ServeFlags& o, serve::Registry& models) {
  for (std::size_t i = 0; i < o.models.size(); ++i) {
    serve::ModelSource source = source_of(o.models[i]);
    if (i == 0 && !o.name.empty()) source.id = o.name;
    if (i == 0) source.draft = o.draft.model;
    models.open(source);
  }
  for (const std::string& adapter : o.adapters) models.open(source_of(adapter));
}

int run_serve(const ServeFlags& o) {
  serve::ServerOptions options;
  options.http.host = o.host;
  options.http.port = static_cast<std::uint16_t>(o.port);
  options.http.most_connections = static_cast<std::size_t>(o.most_connections);
  AccessLog access_log;
  options.http.log = [&](const serve::AccessRecord& record) { access_log.add(record); };
  options.version = kVersion;
  options.origins = o.origins;
  options.requests_per_minute = o.rate_limit;
  options.models = o.settings;
  options.models.draft_tokens = draft_tokens(o.draft);
  if (!o.key_file.empty()) options.keys = serve::Keys::of_file(o.key_file);
  if (!o.admin_key_file.empty()) options.admin_keys = serve::Keys::of_file(o.admin_key_file);
  serve::Server server(std::move(options));
  open_models(o, server.models());
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
      "/v1/completions, /v1/embeddings, /v1/rerank, /v1/models; /v1/classify for fine-tuned "
      "models; besides /tokenize, /detokenize, /health, /ready, /version and /metrics (for "
      "Prometheus). Requests share the model's passes, with its adapters too, and those that begin "
      "alike share what was computed for it. A field that is not known is an error that "
      "names it. The access log goes to standard output, a line of JSON for each answer. Ctrl-C or "
      "SIGTERM: no new requests, those under way end. Reachable from this machine only unless "
      "--host says otherwise, which needs --api-key-file.";
  c.examples = {
      "stemma serve --model models/smollm2",
      "stemma serve --model models/smollm2 --model mini=models/minilm --adapter runs/poems",
      "stemma serve --model smollm2.gguf --host 0.0.0.0 --api-key-file keys.txt"};
  c.options.add_path({"model",
                      "a model folder, a run folder, a GGUF file or a fine-tuned model; NAME=PATH: "
                      "under this id, otherwise its folder's name; may be given several times",
                      "models/smollm2",
                      {"m", "model_path", "model_name_or_path"}},
                     o->models);
  c.options.add_path({"adapter",
                      "an adapter of one of the models, a folder in PEFT's layout, under an id of "
                      "its own: PATH or NAME=PATH; may be given several times",
                      "runs/poems",
                      {"lora", "lora_modules", "adapters"}},
                     o->adapters);
  c.options.add({"name", "the id of the first model", "assistant"}, o->name);
  c.options.add_path(tokenizer_help("; empty: each model's own"), o->settings.tokenizer);
  declare_precision(o->settings.precision, c.options);
  declare_weights(o->settings.weights, c.options);
  declare_cache_type(o->settings.cache_type, c.options);
  declare_threads(o->settings.threads, c.options);
  c.options.add({"port", "to listen on; 0: a free one", "8080", {"p"}}, o->port, {0, 65535});
  c.options.add({"host",
                 "the address to listen on; 0.0.0.0: of all networks",
                 "127.0.0.1",
                 {"listen", "bind"}},
                o->host);
  c.options.add_path({"api_key_file",
                      "keys of which clients must show one, one a line, each perhaps with a blank "
                      "and the requests "
                      "a minute that it may ask",
                      "keys.txt"},
                     o->key_file);
  c.options.add_path(
      {"admin_key_file",
       "keys for POST and DELETE at /admin/models, which load and unload models; not "
       "given: nobody may",
       "admin.txt"},
      o->admin_key_file);
  c.options.add({"rate_limit",
                 "requests a minute of one key, or of one address where there are no keys; 0: as "
                 "many as they like",
                 "600"},
                o->rate_limit, {0, 1e9});
  c.options.add({"cors_origin",
                 "web pages that may ask from a browser, by their origin; *: all; may be given "
                 "several times",
                 "https://example.org",
                 {"cors", "allowed_origins"}},
                o->origins);
  c.options.add({"streams",
                 "texts that a model writes at the same time, at most; others wait",
                 "32",
                 {"parallel", "np", "max_num_seqs"}},
                o->settings.streams, {1, 4096});
  c.options.add({"queue",
                 "texts that may wait for that; more are refused with status 503",
                 "1024",
                 {"max_queue", "queue_size"}},
                o->settings.queue, {1, 1 << 20});
  c.options.add({"context",
                 "tokens of a text, its prompt among them; 0: the model's context",
                 "2048",
                 {"ctx_size", "max_model_len", "c"}},
                o->settings.context, {0, 1 << 24});
  c.options.add({"cache_memory",
                 "bytes for keys and values of each model; 0: 2 GiB, or less where all streams "
                 "need less",
                 "4000000000"},
                o->settings.cache_memory, {0, std::int64_t{1} << 45});
  declare(o->draft, c.options);
  c.options.add({"max_connections", "at the same time; more get status 503", "1024"},
                o->most_connections, {1, 65536});
  c.required = {"model"};
  c.run = [o] { return run_serve(*o); };
}

}  // namespace stemma::cli
