#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/serve/access_log.h"
#include "cli/serve/serve_flags.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "serve/server.h"

namespace stemma::cli {
namespace {

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
    if (i == 0) {
      source.draft = o.draft.model;
      source.chat_template = o.chat_template;
    }
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
      "/v1/completions, /v1/responses, /v1/embeddings, /v1/rerank, /v1/models; /v1/classify for "
      "fine-tuned models; a page for the browser at /; besides /tokenize, /detokenize, /health, "
      "/ready, /version and /metrics (for "
      "Prometheus). Requests share the model's passes, with its adapters too, and those that begin "
      "alike share what was computed for it. A field that is not known is an error that "
      "names it. The access log goes to standard output, a line of JSON for each answer. Ctrl-C or "
      "SIGTERM: no new requests, those under way end. Reachable from this machine only unless "
      "--host says otherwise, which needs --api-key-file.";
  c.examples = {
      "stemma serve --model models/smollm2",
      "stemma serve --model models/smollm2 --model mini=models/minilm --adapter runs/poems",
      "stemma serve --model smollm2.gguf --host 0.0.0.0 --api-key-file keys.txt"};
  declare(*o, c.options);
  c.required = {"model"};
  c.run = [o] { return run_serve(*o); };
}

}  // namespace stemma::cli
