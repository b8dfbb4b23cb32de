#include "tasks/task_model.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/adapter_folder.h"
#include "checkpoint/run_folder.h"
#include "nn/packed_weights.h"
#include "nn/virtual_tokens.h"
#include "tasks/description.h"
#include "tasks/finetune_plan.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

fs::path base_folder(const fs::path& adapter) {
  const std::string base = checkpoint::base_of_adapter(adapter);
  std::error_code error;
  if (base.empty() || !fs::exists(base, error))
    throw Error(ErrorCode::not_found,
                fmt::format("[adapter] {} was trained on '{}', which is not there: name its model "
                            "with --model and the adapter with --adapter",
                            adapter.string(), base));
  return base;
}

std::size_t chosen_head(const std::vector<TaskDescription>& tasks, const std::string& head,
                        const fs::path& folder) {
  const std::size_t place = place_of(tasks, head);
  if (head.empty() && tasks.size() > 1) {
    std::vector<std::string_view> names;
    for (const TaskDescription& task : tasks) names.push_back(task.name);
    log_info(fmt::format("{} has the heads {}: {} answers (--head names another)", folder.string(),
                         fmt::join(names, ", "), names.front()));
  }
  return place;
}

}  // namespace

fs::path task_folder(const fs::path& path) {
  std::error_code error;
  if (checkpoint::is_adapter_folder(path)) return path;
  if (!fs::exists(path / "config.json", error) && checkpoint::has_checkpoints(path)) {
    const checkpoint::FoundCheckpoint found =
        checkpoint::newest_checkpoint(path, checkpoint::CheckpointParts::model);
    for (const std::string& warning : found.warnings) log_warning(warning);
    return found.folder;
  }
  return path;
}

TaskModel TaskModel::open(const fs::path& path, const TaskModelOptions& options) {
  TaskModel m;
  m.path_ = task_folder(path);
  std::vector<fs::path> adapters;
  for (const fs::path& adapter : options.adapters) adapters.push_back(task_folder(adapter));
  if (checkpoint::is_adapter_folder(m.path_)) {
    if (!adapters.empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[adapter] {} is an adapter itself: name its model with --model",
                              path.string()));
    adapters = {m.path_};
    m.path_ = base_folder(m.path_);
  }
  checkpoint::StoredModel stored = checkpoint::open_stored_model(m.path_);
  m.path_ = stored.path;
  m.tokenizer_ = stored.tokenizer;
  if (!m.tokenizer_)
    throw Error(ErrorCode::not_found,
                fmt::format("[task] {} has no tokenizer: put its files (tokenizer.json) there",
                            m.path_.string()));
  m.stream_ = std::make_unique<Stream>(options.threads > 0 ? static_cast<int>(options.threads)
                                                           : available_threads());
  m.numerics_ = ops::numerics_named(options.precision, m.stream_->device());
  ModelConfig config = stored.config.model;
  for (const fs::path& adapter : adapters) m.add_adapter(adapter, stored, options.head);
  if (adapters.empty())
    m.add_own_head(stored.config, options.head);
  else
    config = trunk_of(config);
  m.build(*stored.source, std::move(config));
  return m;
}

void TaskModel::add_own_head(const checkpoint::ConfigFile& config, const std::string& head) {
  const auto tasks = read_descriptions(path_, config);
  Part part;
  part.folder = path_;
  part.place = chosen_head(tasks, head, path_);
  part.task = make_task(tasks[part.place], *tokenizer_);
  parts_.push_back(std::move(part));
}

void TaskModel::add_adapter(const fs::path& folder, checkpoint::StoredModel& base,
                            const std::string& head_name) {
  const auto tasks = read_adapter_descriptions(folder, base.config);
  const std::size_t place = chosen_head(tasks, head_name, folder);
  const TaskDescription& task = tasks[place];
  const checkpoint::ConfigFile config = config_for(tasks, base.config);
  checkpoint::AdapterFolder file(folder, config.model);
  file.require_base(*base.source, base.config.model);
  if (task.max_tokens + file.spec().virtual_tokens > base.config.model.context)
    throw Error(ErrorCode::corrupt,
                fmt::format("[adapter] {}: texts of {} tokens behind {} virtual tokens do not fit "
                            "the model's context, {}",
                            folder.string(), task.max_tokens, file.spec().virtual_tokens,
                            base.config.model.context));
  Part part;
  part.folder = folder;
  part.task = make_task(task, *tokenizer_);
  part.adapter = std::make_unique<nn::Adapter>(file, file.spec());
  const TaskHeadConfig& head = config.model.task_heads[place];
  part.head = std::make_unique<nn::Linear>(
      file, head.parameter(),
      nn::LinearShape{
          .out = head.outputs, .in = config.model.channels, .bias = head.bias, .parts = {}},
      nn::Init{});
  if (task.input == HeadInput::pooler) {
    // The pooler lies in the adapter's file, or is the base's own.
    const auto& replaced = file.replaced();
    const bool own = std::find(replaced.begin(), replaced.end(), "pooler.weight") != replaced.end();
    nn::WeightSource& source = own ? static_cast<nn::WeightSource&>(file) : *base.source;
    part.pooler = std::make_unique<nn::Pooler>(source, "pooler", config.model.channels, nn::Init{});
  }
  if (!parts_.empty() && part.task->wanted() != parts_.front().task->wanted())
    throw Error(ErrorCode::unsupported,
                fmt::format("[adapter] {} and {} need rows of different kinds ({} and {}): use "
                            "them in commands of their own",
                            parts_.front().folder.string(), folder.string(),
                            to_string(parts_.front().task->description().kind),
                            to_string(part.task->description().kind)));
  parts_.push_back(std::move(part));
  adapters_.list.push_back(parts_.back().adapter.get());
}

void TaskModel::build(nn::WeightSource& source, ModelConfig config) {
  nn::PackedWeights packed(source, *stream_, DType::f32);
  model_ = build_model(config, packed);
  pool_ = std::make_unique<ops::BlockPool>();
}

train::Inference TaskModel::inference() const {
  return {1, [this](const Batch& tokens, const std::function<void(const train::States&)>& use) {
            ops::Context ctx(*stream_, numerics_, *pool_);
            const nn::Adapters* adapters = adapters_.list.empty() ? nullptr : &adapters_;
            const Batch batch = nn::with_virtual_tokens(tokens, adapters);
            nn::PrefixAttention attention(batch, adapters);
            const auto read = nn::read_by_heads(batch);
            const Tensor h =
                model_->forward({ctx, batch, attention, adapters, {}, read ? &*read : nullptr});
            use({ctx, *model_, read ? read->batch : batch, h});
          }};
}

std::size_t TaskModel::adapter_of(const labelled::Row& row) const {
  if (row.adapter.empty()) return 0;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (parts_[i].folder == row.adapter || parts_[i].folder.filename() == row.adapter) return i;
  throw Error(ErrorCode::corrupt,
              fmt::format("[predict] line {}: there is no adapter '{}': name it with --adapter",
                          row.line, row.adapter));
}

std::vector<EncodedExample> TaskModel::encode(const std::vector<labelled::Row>& rows) const {
  std::vector<EncodedExample> examples;
  examples.reserve(rows.size());
  for (const labelled::Row& row : rows) examples.push_back(task(adapter_of(row)).encode(row));
  return examples;
}

Answers TaskModel::answer(const std::vector<labelled::Row>& rows) const {
  return answer(rows, encode(rows));
}

Answers TaskModel::answer(const std::vector<labelled::Row>& rows,
                          const std::vector<EncodedExample>& examples) const {
  Asked asked{{}, examples, rows, {}};
  for (const Part& part : parts_)
    asked.responders.push_back({part.task.get(), {part.head.get(), part.pooler.get()}, part.place});
  for (const labelled::Row& row : rows) asked.which.push_back(adapter_of(row));
  return answer_all(inference(), asked);
}

}  // namespace stemma::tasks
