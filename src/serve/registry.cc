#include "serve/registry.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/adapter_folder.h"
#include "checkpoint/stored_model.h"
#include "tasks/description.h"

namespace stemma::serve {
namespace {

namespace fs = std::filesystem;

// The cache holds what --cache-memory has room for, at least one whole text, and no more than all
// streams at their full length.
infer::EngineOptions engine_options(const ServeSettings& s, const infer::LoadedModel& model) {
  infer::EngineOptions engine;
  engine.slots = s.streams;
  engine.capacity = s.context;
  engine.share_prefixes = true;
  engine.prompt_tokens = 512;
  engine.draft_tokens = s.draft_tokens;
  const std::int64_t one =
      s.context > 0 ? std::min(s.context, model.most_tokens()) : model.most_tokens();
  constexpr std::int64_t kUsualMemory = std::int64_t{2} << 30;
  const auto bytes = static_cast<std::uint64_t>(s.cache_memory > 0 ? s.cache_memory : kUsualMemory);
  const std::uint64_t token = infer::PagePool::token_bytes(model.config(), model.numerics());
  const auto tokens = static_cast<std::int64_t>(bytes / token);
  if (s.cache_memory > 0 && tokens < one)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[serve] --cache-memory holds {} tokens, and one text may have {}: give "
                    "at least {} bytes, or a smaller --context",
                    tokens, one, static_cast<std::uint64_t>(one) * token));
  engine.cache_tokens = std::max(one, std::min(tokens, s.streams * one));
  return engine;
}

// Whether a folder holds a fine-tuned model, or an adapter with a head of its own.
bool is_task(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / tasks::kTaskFile, error)) return true;
  if (checkpoint::is_adapter_folder(folder)) {
    constexpr std::uint64_t kMostBytes = 1 << 24;
    const fs::path file = folder / checkpoint::kAdapterConfig;
    const Json config = Json::parse(read_file(file, kMostBytes), file.string());
    const Json* type = config.find("task_type");
    return type && type->is_string() && type->as_string().ends_with("_CLS");
  }
  return fs::exists(folder / "config.json", error) &&
         !checkpoint::read_config_file(folder / "config.json").model.task_heads.empty();
}

bool same_folder(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

// The engine holds on to the base's weights, so their file is opened once more to compare it.
ModelHost::Adapter opened_adapter(const fs::path& folder, const infer::LoadedModel& base) {
  checkpoint::AdapterFolder file(folder, base.config());
  const auto stored = checkpoint::open_stored_model(base.path(), checkpoint::WithTokenizer::no);
  file.require_base(*stored.source, base.config());
  return std::make_shared<const nn::Adapter>(file, file.spec());
}

}  // namespace

std::string id_of_path(const fs::path& path) {
  const fs::path full = fs::absolute(path).lexically_normal();
  const fs::path name = full.has_filename() ? full.filename() : full.parent_path().filename();
  return name.extension() == ".gguf" ? name.stem().string() : name.string();
}

Registry::Registry(ServeSettings settings, Metrics& metrics)
    : settings_(std::move(settings)), metrics_(metrics) {}

Registry::~Registry() { stop(); }

void Registry::stop() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, served] : served_) {
    if (served.model) served.model->engine()->stop();
    if (served.task) served.task->stop();
  }
  for (const auto& engine : removed_engines_) engine->stop();
  for (const auto& task : removed_tasks_) task->stop();
}

void Registry::require_free(const std::string& id) const {
  const bool plain =
      !id.empty() && std::ranges::all_of(id, [](unsigned char c) { return c > ' ' && c != 0x7f; });
  if (!plain || id.size() > 256)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[serve] '{}' cannot be a model's id, which has 1 to 256 bytes and no "
                            "blanks: give another one",
                            id));
  const std::lock_guard lock(mutex_);
  if (served_.contains(id))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[serve] two models are called '{}': give one another id", id));
}

void Registry::insert(Served served) {
  const std::string id = served.id();
  require_free(id);  // others may have come while this one was opened
  const std::lock_guard lock(mutex_);
  if (!served.base.empty() && !served_.contains(served.base))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[serve] '{}' was removed while its adapter was opened", served.base));
  served_.emplace(id, std::move(served));
}

std::string Registry::open(const ModelSource& source) {
  const std::string id = source.id.empty() ? id_of_path(source.path) : source.id;
  require_free(id);
  std::error_code error;
  if (!fs::exists(source.path, error))
    throw Error(ErrorCode::not_found, fmt::format("[serve] there is no {}", source.path.string()));
  const fs::path folder = tasks::task_folder(source.path);
  const bool adapter = checkpoint::is_adapter_folder(folder);
  if (!source.base.empty() && !adapter)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[serve] {} is no adapter, and needs no model beside it",
                            source.path.string()));
  Served served;
  if (is_task(folder)) {
    tasks::TaskModelOptions options;
    options.precision = settings_.precision;
    options.threads = settings_.threads;
    served.task =
        std::make_shared<TaskHost>(id, tasks::TaskModel::open(source.path, options), turns_);
  } else if (adapter) {
    served = open_adapter(source, id);
  } else {
    served = open_model(source, id);
  }
  insert(std::move(served));
  return id;
}

Served Registry::open_model(const ModelSource& source, const std::string& id) {
  infer::ModelOptions options;
  options.path = source.path;
  options.precision = settings_.precision;
  options.weights = settings_.weights;
  options.cache_type = settings_.cache_type;
  options.tokenizer = settings_.tokenizer;
  options.threads = settings_.threads;
  infer::LoadedModel model = infer::LoadedModel::open(options);
  HostOptions host{.name = id, .engine = engine_options(settings_, model)};
  host.chat_template = source.chat_template;
  host.most_waiting = static_cast<std::size_t>(settings_.queue);
  if (!source.draft.empty()) {
    options.path = source.draft;
    host.draft = infer::LoadedModel::open(options);
  }
  auto engine = std::make_shared<EngineHost>(std::move(model), std::move(host), metrics_, turns_);
  return {std::make_shared<ModelHost>(id, std::move(engine)), {}, {}};
}

void Registry::add(const std::string& id, infer::LoadedModel model,
                   const infer::EngineOptions& engine) {
  require_free(id);
  auto host = std::make_shared<EngineHost>(
      std::move(model), HostOptions{.name = id, .engine = engine}, metrics_, turns_);
  insert({std::make_shared<ModelHost>(id, std::move(host)), {}, {}});
}

Served Registry::open_adapter(const ModelSource& source, const std::string& id) const {
  const std::string base = base_of(source);
  const auto model = find(base);
  if (!model || !model->model || model->model->has_adapter())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[serve] {} is an adapter of '{}', which is no model that is served",
                            source.path.string(), base));
  auto adapter = opened_adapter(source.path, model->model->model());
  return {std::make_shared<ModelHost>(id, model->model->engine(), std::move(adapter)), {}, base};
}

std::string Registry::base_of(const ModelSource& source) const {
  if (!source.base.empty()) return source.base;
  const std::string named = checkpoint::base_of_adapter(source.path);
  std::vector<std::string> models;
  for (const Served& served : all()) {
    if (!served.model || served.model->has_adapter()) continue;
    if (same_folder(served.model->model().path(), named)) return served.id();
    models.push_back(served.id());
  }
  if (models.size() == 1) return models.front();
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[serve] {} is an adapter of '{}', and of the models that are served ({}) "
                  "none lies there: say which one it belongs to",
                  source.path.string(), named, fmt::join(models, ", ")));
}

bool Registry::remove(std::string_view id) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = served_.find(id);
    if (found == served_.end()) return false;
    for (const auto& [other, served] : served_)
      if (served.base == id)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("[serve] '{}' is an adapter of '{}': remove it first", other, id));
    const Served& served = found->second;
    if (served.task) removed_tasks_.push_back(served.task);
    if (served.model && !served.model->has_adapter())
      removed_engines_.push_back(served.model->engine());
    served_.erase(found);
  }
  forget_removed();
  return true;
}

bool Registry::forget_removed() {
  std::list<std::shared_ptr<EngineHost>> engines;  // end without the lock, on the caller's thread
  std::list<std::shared_ptr<TaskHost>> hosts;
  const std::lock_guard lock(mutex_);
  const auto move_free = [](auto& from, auto& to) {
    for (auto it = from.begin(); it != from.end();) {
      const auto at = it++;
      if (at->use_count() == 1) to.splice(to.end(), from, at);
    }
  };
  move_free(removed_engines_, engines);
  move_free(removed_tasks_, hosts);
  return removed_engines_.empty() && removed_tasks_.empty();
}

std::optional<Served> Registry::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = served_.find(id);
  return found == served_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Served> Registry::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Served> list;
  list.reserve(served_.size());
  for (const auto& [id, served] : served_) list.push_back(served);
  return list;
}

}  // namespace stemma::serve
