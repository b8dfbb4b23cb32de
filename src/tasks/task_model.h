// A fine-tuned model opened for use: its weights, its tokenizer and its task.
//
//   const TaskModel model = TaskModel::open("runs/sst2", {});
//   const Answers answers = model.answer(rows);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/config_file.h"
#include "device/stream.h"
#include "models/model.h"
#include "ops/block_pool.h"
#include "ops/context.h"
#include "tasks/evaluation.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace stemma::tasks {

struct TaskModelOptions {
  std::string precision = "auto";  // auto, f32, bf16
  std::int64_t threads = 0;        // 0: all that the process may use
};

class TaskModel {
 public:
  // `path`: a model folder or a run folder. Throws not_found, corrupt, unsupported (no head of a
  // task), out_of_memory.
  static TaskModel open(const std::filesystem::path& path, const TaskModelOptions& options);

  const Task& task() const { return *task_; }
  const std::filesystem::path& path() const { return path_; }
  const ModelConfig& config() const { return config_.model; }
  Stream& stream() const { return *stream_; }

  // Passes without recording; `this` must outlive it.
  train::Inference inference() const;
  std::vector<EncodedExample> encode(const std::vector<labelled::Row>& rows) const;
  Answers answer(const std::vector<labelled::Row>& rows) const;

 private:
  TaskModel() = default;

  std::filesystem::path path_;
  checkpoint::ConfigFile config_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Task> task_;
  std::unique_ptr<Stream> stream_;
  ops::Numerics numerics_;
  std::unique_ptr<ops::BlockPool> pool_;
  std::unique_ptr<Model> model_;
};

}  // namespace stemma::tasks
