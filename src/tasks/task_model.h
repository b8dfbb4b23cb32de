// A fine-tuned model opened for use: its weights, its tokenizer, its task, or one model with
// several adapters, each with a task and a head of its own.
//
//   const TaskModel model = TaskModel::open("runs/sst2", {});
//   const Answers answers = model.answer(rows);
//
//   // Two adapters on one model; a row's `adapter` says whose it is.
//   const TaskModel both = TaskModel::open("models/base", {.adapters = {"runs/a", "runs/b"}});
//
//   // A model that learned several tasks answers for one of them.
//   const TaskModel rte = TaskModel::open("runs/pairs", {.head = "rte"});
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/stored_model.h"
#include "device/stream.h"
#include "models/model.h"
#include "nn/adapter.h"
#include "ops/block_pool.h"
#include "ops/context.h"
#include "tasks/evaluation.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace stemma::tasks {

struct TaskModelOptions {
  std::vector<std::filesystem::path> adapters = {};
  std::string head = {};           // of a model with several; empty: the first
  std::string precision = "auto";  // auto, f32, bf16
  std::int64_t threads = 0;        // 0: all that the process may use
};

class TaskModel {
 public:
  // `path`: a model folder, a run folder, or the folder of an adapter, which names its base. With
  // adapters: their base. Throws not_found, corrupt, unsupported (no head of a task),
  // invalid_argument (adapters of an adapter; no such head), out_of_memory.
  static TaskModel open(const std::filesystem::path& path, const TaskModelOptions& options);

  // Of the first adapter where there are several.
  const Task& task(std::size_t index = 0) const { return *parts_[index].task; }
  std::size_t tasks() const { return parts_.size(); }
  const std::filesystem::path& path() const { return path_; }
  const ModelConfig& config() const { return model_->config(); }
  Stream& stream() const { return *stream_; }

  // Passes without recording; `this` must outlive it.
  train::Inference inference() const;
  // The place of a row's adapter: by its folder or the last part of it; 0 where the row names none.
  // Throws corrupt for one that was not opened.
  std::size_t adapter_of(const labelled::Row& row) const;
  std::vector<EncodedExample> encode(const std::vector<labelled::Row>& rows) const;
  Answers answer(const std::vector<labelled::Row>& rows) const;
  Answers answer(const std::vector<labelled::Row>& rows,
                 const std::vector<EncodedExample>& examples) const;

 private:
  // What answers for one task.
  struct Part {
    std::filesystem::path folder;
    std::unique_ptr<Task> task;
    std::size_t place = 0;  // of the model's own heads
    // Of an adapter; a model's own lie in it.
    std::unique_ptr<nn::Adapter> adapter;
    std::unique_ptr<nn::Pooler> pooler;
    std::unique_ptr<nn::Linear> head;
  };
  TaskModel() = default;
  void add_own_head(const checkpoint::ConfigFile& config, const std::string& head);
  void add_adapter(const std::filesystem::path& folder, checkpoint::StoredModel& base,
                   const std::string& head);
  void build(nn::WeightSource& source, ModelConfig config);

  std::filesystem::path path_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<Part> parts_;
  std::unique_ptr<Stream> stream_;
  ops::Numerics numerics_;
  std::unique_ptr<ops::BlockPool> pool_;
  std::unique_ptr<Model> model_;
  nn::Adapters adapters_;
};

// The folder that a model, a run or an adapter lies in: a run's newest checkpoint where the run has
// not ended.
std::filesystem::path task_folder(const std::filesystem::path& path);

}  // namespace stemma::tasks
