// A model that is served: its engine, and the thread that works on it. Requests of all connections
// meet here and share passes.
//
//   ModelHost host(std::move(model), {.id = "smollm2"});
//   host.check(request);                               // throws what the client did wrong
//   host.submit({{std::move(request), [](infer::Generation g) { ... }}});
//
// Listeners and `done` run on the host's thread, in the order of the tokens; they must not wait.
// All functions may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "infer/engine.h"
#include "infer/hidden_states.h"
#include "infer/loaded_model.h"
#include "serve/metrics.h"
#include "text/grammar/grammar.h"
#include "text/grammar/mask_cache.h"

namespace stemma::serve {

struct HostOptions {
  std::string id;
  infer::EngineOptions engine;
  std::size_t most_waiting = 256;  // requests that are not yet written to; more are refused
};

class ModelHost {
 public:
  // Throws as Engine, except for a model that does not write: it gives vectors only.
  ModelHost(infer::LoadedModel model, HostOptions options, Metrics& metrics);
  // Cancels what is under way.
  ~ModelHost();
  ModelHost(const ModelHost&) = delete;
  ModelHost& operator=(const ModelHost&) = delete;

  const std::string& id() const { return options_.id; }
  const infer::LoadedModel& model() const { return model_; }
  std::int64_t created() const { return created_; }  // seconds of Unix time
  bool writes() const { return engine_ != nullptr; }
  std::size_t most_waiting() const { return options_.most_waiting; }
  // Tokens of a prompt and its continuation together, at most.
  std::int64_t most_tokens() const;

  using Done = std::function<void(infer::Generation)>;
  // Throws invalid_argument as Engine::submit, unsupported for a model that does not write, and
  // ApiError "context_length_exceeded".
  void check(const infer::Request& request) const;
  struct Job {
    infer::Request request;
    Done done;
  };
  // All of them, or none (false) where too many wait. What check() refuses ends as failed.
  // accepted: called before any of them begins; it must not wait.
  bool submit(std::vector<Job> jobs, const std::function<void()>& accepted = {});

  // Runs `work` on the host's thread, between two passes. False where too many wait.
  bool run(std::function<void()> work);
  // The vectors of texts; to be used on the host's thread only. Throws not_found where the model
  // has no tokenizer.
  const infer::TextEmbedder& embedder() const;
  // Tokens of a text that its vector is made of, at most. Throws as embedder().
  std::int64_t most_embedded_tokens() const { return embedder().most_tokens(); }

  // The masks of a grammar for this model, made once for each `key`; `make` may take a while. The
  // answer ends with the model's own end tokens or with those of its chats. Throws unsupported for
  // a tokenizer whose text is not the bytes of its tokens, and as `make`.
  using MakeGrammar = std::function<grammar::SharedGrammar()>;
  std::shared_ptr<const grammar::MaskCache> masks(const std::string& key, const MakeGrammar& make);

  infer::Engine::Load load() const;

 private:
  void work();
  void pass();
  void finish(const Done& done, infer::Generation generation);
  void take(std::vector<Job>& jobs);

  infer::LoadedModel model_;
  HostOptions options_;
  Metrics& metrics_;
  std::int64_t created_;
  std::unique_ptr<infer::Engine> engine_;        // null where the model does not write
  std::optional<infer::TextEmbedder> embedder_;  // none without a tokenizer
  std::unordered_map<std::int64_t, Done> done_;
  int failures_ = 0;  // passes in a row that failed
  std::mutex masks_mutex_;
  std::shared_ptr<const grammar::TokenTable> tokens_;
  std::list<std::pair<std::string, std::shared_ptr<const grammar::MaskCache>>>
      masks_;  // last used first

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> inbox_;
  std::vector<std::function<void()>> works_;
  infer::Engine::Load load_;  // as of the last pass
  std::atomic<int> stop_{0};
  std::thread thread_;
};

}  // namespace stemma::serve
