#include "cli/serve/serve_flags.h"

#include "cli/model_flags.h"

namespace stemma::cli {

void declare(ServeFlags& flags, OptionSet& options) {
  options.add_path({"model",
                    "a model folder, a run folder, a GGUF file or a fine-tuned model; NAME=PATH: "
                    "under this id, otherwise its folder's name; may be given several times",
                    "models/smollm2",
                    {"m", "model_path", "model_name_or_path"}},
                   flags.models);
  options.add_path({"adapter",
                    "an adapter of one of the models, a folder in PEFT's layout, under an id of "
                    "its own: PATH or NAME=PATH; may be given several times",
                    "runs/poems",
                    {"lora", "lora_modules", "adapters"}},
                   flags.adapters);
  options.add({"name", "the id of the first model", "assistant"}, flags.name);
  options.add({"chat_template",
               "chatml, plain or a file with a Jinja template, for the first model instead of its "
               "own",
               "plain"},
              flags.chat_template);
  options.add_path(tokenizer_help("; empty: each model's own"), flags.settings.tokenizer);
  declare_precision(flags.settings.precision, options);
  declare_weights(flags.settings.weights, options);
  declare_cache_type(flags.settings.cache_type, options);
  declare_threads(flags.settings.threads, options);
  options.add({"port", "to listen on; 0: a free one", "8080", {"p"}}, flags.port, {0, 65535});
  options.add({"host",
               "the address to listen on; 0.0.0.0: of all networks",
               "127.0.0.1",
               {"listen", "bind"}},
              flags.host);
  options.add_path({"api_key_file",
                    "keys of which clients must show one, one a line, each perhaps with a blank "
                    "and the requests "
                    "a minute that it may ask",
                    "keys.txt"},
                   flags.key_file);
  options.add_path({"admin_key_file",
                    "keys for POST and DELETE at /admin/models, which load and unload models; not "
                    "given: nobody may",
                    "admin.txt"},
                   flags.admin_key_file);
  options.add({"rate_limit",
               "requests a minute of one key, or of one address where there are no keys; 0: as "
               "many as they like",
               "600"},
              flags.rate_limit, {0, 1e9});
  options.add({"cors_origin",
               "web pages that may ask from a browser, by their origin; *: all; may be given "
               "several times",
               "https://example.org",
               {"cors", "allowed_origins"}},
              flags.origins);
  options.add({"streams",
               "texts that a model writes at the same time, at most; others wait",
               "32",
               {"parallel", "np", "max_num_seqs"}},
              flags.settings.streams, {1, 4096});
  options.add({"queue",
               "texts that may wait for that; more are refused with status 503",
               "1024",
               {"max_queue", "queue_size"}},
              flags.settings.queue, {1, 1 << 20});
  options.add({"context",
               "tokens of a text, its prompt among them; 0: the model's context",
               "2048",
               {"ctx_size", "max_model_len", "c"}},
              flags.settings.context, {0, 1 << 24});
  options.add({"cache_memory",
               "bytes for keys and values of each model; 0: 2 GiB, or less where all streams "
               "need less",
               "4000000000"},
              flags.settings.cache_memory, {0, std::int64_t{1} << 45});
  declare(flags.draft, options);
  options.add({"max_connections", "at the same time; more get status 503", "1024"},
              flags.most_connections, {1, 65536});
}

}  // namespace stemma::cli
