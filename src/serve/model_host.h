// What answers under a model's id: an engine that several ids may share, and the adapter that this
// one adds to the model's weights.
//
//   ModelHost host("smollm2-poems", engine, adapter);
//   host.check(request);                               // throws what the client did wrong
//   host.submit({{std::move(request), [](infer::Generation g) { ... }}});
//
// All functions may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/adapter.h"
#include "serve/engine_host.h"

namespace stemma::serve {

class ModelHost {
 public:
  using Adapter = std::shared_ptr<const nn::Adapter>;
  using Job = EngineHost::Job;

  // adapter: null for the model as it was opened.
  ModelHost(std::string id, std::shared_ptr<EngineHost> engine, Adapter adapter = {});

  const std::string& id() const { return id_; }
  std::int64_t created() const { return created_; }  // seconds of Unix time
  const std::shared_ptr<EngineHost>& engine() const { return engine_; }
  bool has_adapter() const { return adapter_ != nullptr; }
  const infer::LoadedModel& model() const { return engine_->model(); }
  bool writes() const { return engine_->writes(); }
  // Throws unsupported for a model that gives vectors only.
  void require_writing() const;
  bool chats() const { return writes() && engine_->chat(); }
  // Throws unsupported for a model that does not write or has no template.
  const chat::ChatTemplate& chat() const;
  std::size_t most_waiting() const { return engine_->most_waiting(); }
  // Tokens of a prompt and its continuation together, at most.
  std::int64_t most_tokens() const;

  // Throws invalid_argument as Engine::submit, unsupported for a model that does not write, and
  // ApiError "context_length_exceeded".
  void check(const infer::Request& request) const;
  // As EngineHost, with the adapter.
  bool submit(std::vector<Job> jobs, const std::function<void()>& accepted = {});
  bool embed(EngineHost::Embeddings::Job job) { return engine_->embed(std::move(job)); }
  // Tokens of a text that its vector is made of, at most. Throws unsupported for an adapter, which
  // is not used for vectors, and not_found where the model has no tokenizer.
  std::int64_t most_embedded_tokens() const;
  std::shared_ptr<const grammar::MaskCache> masks(const std::string& key,
                                                  const EngineHost::MakeGrammar& make) {
    return engine_->masks(key, make);
  }

 private:
  std::string id_;
  std::int64_t created_;
  std::shared_ptr<EngineHost> engine_;
  Adapter adapter_;
};

// Seconds of Unix time.
std::int64_t unix_seconds();

}  // namespace stemma::serve
