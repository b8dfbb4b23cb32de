// A model that is served: its engine, and the thread that works on it. Requests of all connections,
// with all adapters of the model, meet here and share passes.
//
//   EngineHost host(std::move(model), {.name = "smollm2"}, metrics, turns);
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
#include "serve/shared_passes.h"
#include "serve/turns.h"
#include "text/chat/chat_template.h"
#include "text/grammar/grammar.h"
#include "text/grammar/mask_cache.h"

namespace stemma::serve {

struct HostOptions {
  std::string name;  // in the log
  infer::EngineOptions engine;
  std::size_t most_waiting = 1024;  // requests that are not yet written to; more are refused
  std::optional<infer::LoadedModel> draft = {};  // the engine's draft_model
  std::string chat_template = {};  // ChatTemplate::open's; empty: the model's own, if it has one
};

class EngineHost {
 public:
  // Throws as Engine, except for a model that does not write: it gives vectors only; and as
  // ChatTemplate::open.
  // `metrics` and `turns` must outlive it.
  EngineHost(infer::LoadedModel model, HostOptions options, Metrics& metrics, Turns& turns);
  ~EngineHost() { stop(); }
  EngineHost(const EngineHost&) = delete;
  EngineHost& operator=(const EngineHost&) = delete;

  const infer::LoadedModel& model() const { return model_; }
  bool writes() const { return engine_ != nullptr; }
  // Null for a model without one.
  const chat::ChatTemplate* chat() const { return chat_ ? &*chat_ : nullptr; }
  std::size_t most_waiting() const { return options_.most_waiting; }
  // Cancels what is under way and ends the thread; not to be called on it. Whoever is the last to
  // hold a host may be that thread itself: call this before such holders can be the last.
  void stop();

  // Null where the model does not write.
  const infer::Engine* engine() const { return engine_.get(); }

  using Done = std::function<void(infer::Generation)>;
  struct Job {
    infer::Request request;
    Done done;
  };
  // All of them, or none (false) where too many wait. What Engine::check refuses ends as failed.
  // accepted: called before any of them begins; it must not wait.
  bool submit(std::vector<Job> jobs, const std::function<void()>& accepted = {});

  using Ids = std::vector<std::int32_t>;
  using Embeddings = SharedPasses<Ids, infer::TextVector>;
  // The vectors of texts (TextEmbedder::embed_ids), which share passes of their own between those
  // of the engine. False where too many requests wait.
  bool embed(Embeddings::Job job);
  // To be asked about texts, not for vectors. Throws not_found where the model has no tokenizer.
  const infer::TextEmbedder& embedder() const;

  // The masks of a grammar for this model, made once for each `key`, and so is a refusal; `make`
  // may take a while. The answer ends with the model's own end tokens or with those of its chats.
  // Throws unsupported for a tokenizer whose text is not the bytes of its tokens, and as `make`.
  using MakeGrammar = std::function<grammar::SharedGrammar()>;
  std::shared_ptr<const grammar::MaskCache> masks(const std::string& key, const MakeGrammar& make);

  infer::Engine::Load load() const;

 private:
  void work();
  void pass();
  void embed_pass();
  void finish(const Done& done, infer::Generation generation);
  void take(std::vector<Job>& jobs);

  infer::LoadedModel model_;
  HostOptions options_;
  Metrics& metrics_;
  Turns& turns_;
  std::unique_ptr<infer::Engine> engine_;          // null where the model does not write
  std::unique_ptr<infer::TextEmbedder> embedder_;  // null without a tokenizer
  std::optional<chat::ChatTemplate> chat_;
  Embeddings embeddings_;  // on the host's thread
  std::unordered_map<std::int64_t, Done> done_;
  int failures_ = 0;  // passes in a row that failed
  std::mutex masks_mutex_;
  std::shared_ptr<const grammar::TokenTable> tokens_;
  struct Masks {
    std::string key;
    std::shared_ptr<const grammar::MaskCache> masks;
    std::exception_ptr refusal = {};  // what `make` threw, where there are none
  };
  std::list<Masks> masks_;  // last used first

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> inbox_;
  std::vector<Embeddings::Job> texts_inbox_;
  std::size_t embedding_ = 0;  // requests in `embeddings_`, as of the last pass
  infer::Engine::Load load_;   // as of the last pass
  std::atomic<int> stop_{0};
  std::thread thread_;
};

}  // namespace stemma::serve
