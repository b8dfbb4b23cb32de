#include "tasks/task_model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/stored_model.h"
#include "nn/packed_weights.h"
#include "tasks/description.h"

namespace stemma::tasks {

TaskModel TaskModel::open(const std::filesystem::path& path, const TaskModelOptions& options) {
  TaskModel m;
  checkpoint::StoredModel stored = checkpoint::open_stored_model(path);
  m.path_ = stored.path;
  m.config_ = stored.config;
  m.tokenizer_ = stored.tokenizer;
  if (!m.tokenizer_)
    throw Error(ErrorCode::not_found,
                fmt::format("[task] {} has no tokenizer: put its files (tokenizer.json) there",
                            m.path_.string()));
  m.task_ = make_task(read_description(m.path_, m.config_), *m.tokenizer_);
  m.stream_ = std::make_unique<Stream>(options.threads > 0 ? static_cast<int>(options.threads)
                                                           : available_threads());
  m.numerics_ = ops::numerics_named(options.precision, m.stream_->device());
  nn::PackedWeights packed(*stored.source, *m.stream_, DType::f32);
  m.model_ = build_model(m.config_.model, packed);
  m.pool_ = std::make_unique<ops::BlockPool>();
  return m;
}

train::Inference TaskModel::inference() const {
  return {1, [this](const Batch& batch, const std::function<void(const train::States&)>& use) {
            ops::Context ctx(*stream_, numerics_, *pool_);
            nn::FullAttention attention(batch);
            const Tensor h = model_->forward({ctx, batch, attention});
            use({ctx, *model_, batch, h});
          }};
}

std::vector<EncodedExample> TaskModel::encode(const std::vector<labelled::Row>& rows) const {
  std::vector<EncodedExample> examples;
  examples.reserve(rows.size());
  for (const labelled::Row& row : rows) examples.push_back(task_->encode(row));
  return examples;
}

Answers TaskModel::answer(const std::vector<labelled::Row>& rows) const {
  return answer_all(inference(), *task_, encode(rows), rows);
}

}  // namespace stemma::tasks
