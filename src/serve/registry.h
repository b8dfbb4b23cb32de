// What a server serves: models, adapters of them, and fine-tuned models, each under an id of its
// own.
//
//   Registry registry({.streams = 32}, metrics);
//   registry.open({.path = "models/smollm2"});                        // "smollm2"
//   registry.open({.id = "poems", .path = "runs/poems"});             // an adapter of it
//   const Served served = registry.find("poems").value();
//
// Whoever holds a Served can go on with it after it was removed; its memory is given back when the
// last one has let go. Any thread; open() takes seconds, and others are served meanwhile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/metrics.h"
#include "serve/model_host.h"
#include "serve/task_host.h"
#include "serve/turns.h"

namespace stemma::serve {

// One of the two is there.
struct Served {
  std::shared_ptr<ModelHost> model;  // writes, or gives vectors
  std::shared_ptr<TaskHost> task;
  std::string base;  // of an adapter: the id of its model

  const std::string& id() const { return model ? model->id() : task->id(); }
};

// How all models of a server are opened.
struct ServeSettings {
  std::string precision = "auto", weights = "f32", cache_type = "auto", tokenizer = {};
  std::int64_t threads = 0;       // 0: all that the process may use
  std::int64_t streams = 32;      // texts that one model writes at the same time
  std::int64_t queue = 1024;      // texts that wait for that, at most
  std::int64_t context = 0;       // tokens of a text, at most; 0: the model's context
  std::int64_t cache_memory = 0;  // bytes for keys and values of one model; 0: at most 2 GiB
  std::int64_t draft_tokens = 0;  // guessed ahead of a text (infer/drafter.h)
};

struct ModelSource {
  std::string id = {};         // empty: the name of its folder or file
  std::filesystem::path path;  // a folder, a run folder, a GGUF file, or an adapter's folder
  // Of an adapter that writes: the id of its model; empty: the one that its file names, or the only
  // one that there is.
  std::string base = {};
  std::string chat_template = {};    // HostOptions::chat_template
  std::filesystem::path draft = {};  // a smaller model that guesses for this one; empty: none
};

class Registry {
 public:
  // `metrics` must outlive it.
  Registry(ServeSettings settings, Metrics& metrics);
  // Ends what is under way.
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Returns the id. Throws invalid_argument (the id is taken or impossible; an adapter's model is
  // not served), and what opening a model throws.
  std::string open(const ModelSource& source);
  // A model that is open already. Throws invalid_argument, as EngineHost.
  void add(const std::string& id, infer::LoadedModel model, const infer::EngineOptions& engine);
  // False where there is none. Throws invalid_argument for a model of which adapters are served.
  bool remove(std::string_view id);

  // Ends all that is under way as failed; nothing can be asked any more.
  void stop();
  // Gives back the memory of what was removed and is no longer in use. False: some of it is.
  bool forget_removed();

  std::optional<Served> find(std::string_view id) const;
  std::vector<Served> all() const;  // by id

 private:
  void insert(Served served);
  void require_free(const std::string& id) const;
  Served open_model(const ModelSource& source, const std::string& id);
  Served open_adapter(const ModelSource& source, const std::string& id) const;
  std::string base_of(const ModelSource& source) const;

  ServeSettings settings_;
  Metrics& metrics_;
  Turns turns_;
  mutable std::mutex mutex_;
  std::map<std::string, Served, std::less<>> served_;
  // Removed, and perhaps in use: a host must not be let go of by its own thread.
  std::list<std::shared_ptr<EngineHost>> removed_engines_;
  std::list<std::shared_ptr<TaskHost>> removed_tasks_;
};

// The name of a folder or file, without what a GGUF file ends with.
std::string id_of_path(const std::filesystem::path& path);

}  // namespace stemma::serve
