#include "tasks/description.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/adapter_folder.h"
#include "checkpoint/task_heads.h"
#include "data/labelled/tag_scheme.h"

namespace stemma::tasks {
namespace {

constexpr std::array<std::string_view, 5> kTaskNames = {"classification", "tokens", "entailment",
                                                        "similarity", "choice"};
constexpr std::uint64_t kMostDescriptionBytes = 64 << 20;

Json list_of(const std::vector<std::string>& items) {
  Json list = Json::array({});
  for (const std::string& item : items) list.push_back(item);
  return list;
}

std::vector<std::string> strings_of(const Json& json, std::string_view key) {
  std::vector<std::string> items;
  if (const Json* list = json.find(key))
    for (const Json& item : list->as_array()) items.push_back(item.as_string());
  return items;
}

Json columns_json(const labelled::RowOptions& c) {
  return Json::object({{"format", c.format},
                       {"text", list_of(c.text_columns)},
                       {"second", c.second_column},
                       {"label", c.label_column},
                       {"choices", list_of(c.choice_columns)},
                       {"label_separator", c.label_separator},
                       {"header", c.header}});
}

labelled::RowOptions columns_of(const Json& json) {
  labelled::RowOptions c;
  c.format = json.get("format", c.format.c_str());
  c.text_columns = strings_of(json, "text");
  c.second_column = json.get("second", "");
  c.label_column = json.get("label", "");
  c.choice_columns = strings_of(json, "choices");
  c.label_separator = json.get("label_separator", "");
  c.header = json.get("header", c.header.c_str());
  return c;
}

std::int32_t mark_of(const Json& json, std::string_view key) {
  const std::int64_t id = json.at(key).as_int();
  if (id < 0 || id >= INT32_MAX)
    throw Error(ErrorCode::corrupt, fmt::format("the mark '{}' is no token id: {}", key, id));
  return static_cast<std::int32_t>(id);
}

void require_distinct_labels(const TaskDescription& t) {
  std::set<std::string_view> seen;
  for (const std::string& label : t.labels)
    if (!seen.insert(label).second)
      throw Error(ErrorCode::corrupt, fmt::format("the label '{}' is there twice", label));
}

void require_problem(const TaskDescription& t) {
  constexpr std::array kProblems = {kSingleLabel, kMultiLabel, kRegression, kChoice};
  if (std::find(kProblems.begin(), kProblems.end(), t.problem) == kProblems.end())
    throw Error(ErrorCode::corrupt, fmt::format("problem must be one of {}, got '{}'",
                                                fmt::join(kProblems, ", "), t.problem));
  if ((t.kind == TaskKind::choice) != (t.problem == kChoice))
    throw Error(ErrorCode::corrupt, fmt::format("task {} does not go with the problem '{}'",
                                                to_string(t.kind), t.problem));
}

std::vector<TaskDescription> descriptions_in(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kTaskFile;
  return parse_descriptions(Json::parse(read_file(path, kMostDescriptionBytes), path.string()),
                            path.string());
}

// A description beside a model is of its head.
void require_fitting(const TaskDescription& t, const TaskHeadConfig& head, const ModelConfig& model,
                     const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::corrupt, fmt::format("[task] {}: {}", where, what));
  };
  if (head.outputs != t.outputs() || head.input != t.input || head.name != t.name)
    refuse(
        fmt::format("the model beside it has a head '{}' of {} outputs that reads {}, this says "
                    "'{}', {} and {}",
                    head.name, head.outputs, checkpoint::to_string(head.input), t.name, t.outputs(),
                    checkpoint::to_string(t.input)));
  if (t.max_tokens > model.context)
    refuse(
        fmt::format("max_tokens {} is above the model's context, {}", t.max_tokens, model.context));
  if (t.marks && std::max({t.marks->start, t.marks->delimiter, t.marks->extract}) >= model.vocab)
    refuse(fmt::format("a mark is no token of the model's vocabulary of {}", model.vocab));
}

TaskDescription parse(const Json& json) {
  TaskDescription t;
  t.name = json.get("name", "");
  t.kind = task_named(json.at("task").as_string());
  t.problem = json.get("problem", t.problem.c_str());
  t.labels = strings_of(json, "labels");
  t.input = checkpoint::head_input_named(json.get("input", "last"));
  t.both_orders = json.get("both_orders", false);
  if (const Json* marks = json.find("marks"); marks && !marks->is_null())
    t.marks =
        Marks{mark_of(*marks, "start"), mark_of(*marks, "delimiter"), mark_of(*marks, "extract")};
  t.max_tokens = json.get("max_tokens", t.max_tokens);
  t.windows = json.get("windows", false);
  t.tag_scheme = json.get("tag_scheme", "");
  t.last_piece = json.get("last_piece", false);
  t.choice_labels = json.get("choice_labels", "");
  if (const Json* columns = json.find("columns")) t.columns = columns_of(*columns);
  if (t.max_tokens < 1 || (t.problem != kChoice && t.labels.empty()))
    throw Error(ErrorCode::corrupt, "max_tokens and labels must not be empty");
  require_problem(t);
  require_distinct_labels(t);
  return t;
}

Json json_of(const TaskDescription& t) {
  Json json = Json::object({{"task", to_string(t.kind)},
                            {"problem", t.problem},
                            {"labels", list_of(t.labels)},
                            {"input", checkpoint::to_string(t.input)},
                            {"both_orders", t.both_orders},
                            {"marks", Json()},
                            {"max_tokens", t.max_tokens},
                            {"windows", t.windows},
                            {"tag_scheme", t.tag_scheme},
                            {"last_piece", t.last_piece},
                            {"choice_labels", t.choice_labels},
                            {"columns", columns_json(t.columns)}});
  if (!t.name.empty()) json.set("name", t.name);
  if (t.marks)
    json.set("marks", Json::object({{"start", static_cast<std::int64_t>(t.marks->start)},
                                    {"delimiter", static_cast<std::int64_t>(t.marks->delimiter)},
                                    {"extract", static_cast<std::int64_t>(t.marks->extract)}}));
  return json;
}

void require_distinct_names(const std::vector<TaskDescription>& tasks) {
  std::set<std::string_view> names;
  for (const TaskDescription& t : tasks)
    if (t.name.empty() || !names.insert(t.name).second)
      throw Error(
          ErrorCode::corrupt,
          fmt::format("several tasks need a name each, '{}' is empty or there twice", t.name));
}

// What config.json tells of a model that another program fine-tuned.
TaskDescription of_config(const checkpoint::ConfigFile& config) {
  TaskDescription t;
  const TaskHeadConfig& head = config.model.task_heads.front();
  const checkpoint::HeadLabels& labels = config.head_labels.front();
  t.problem = labels.problem;
  t.labels = labels.names;
  if (t.problem == kRegression && t.labels.size() > 1)
    throw Error(ErrorCode::unsupported,
                fmt::format("[task] the model's head is a regression of {} numbers at once, and "
                            "nothing here can use more than one",
                            t.labels.size()));
  t.input = head.input;
  t.max_tokens = std::min<std::int64_t>(t.max_tokens, config.model.context);
  if (labels.problem == kChoice) {
    t.kind = TaskKind::choice;
  } else if (head.input == HeadInput::tokens) {
    t.kind = TaskKind::tokens;
    t.last_piece = config.model.causal;
    labelled::TagSchemeFinder finder;
    for (const std::string& tag : t.labels) finder.add(std::span(&tag, 1));
    t.tag_scheme = labelled::to_string(finder.found().scheme);
  }
  return t;
}

}  // namespace

std::string_view to_string(TaskKind kind) { return kTaskNames[static_cast<std::size_t>(kind)]; }

TaskKind task_named(std::string_view name) {
  for (std::size_t i = 0; i < kTaskNames.size(); ++i)
    if (kTaskNames[i] == name) return static_cast<TaskKind>(i);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[task] must be one of {}, got '{}'", fmt::join(kTaskNames, ", "), name));
}

std::vector<std::string> task_names() { return {kTaskNames.begin(), kTaskNames.end()}; }

std::int64_t TaskDescription::outputs() const {
  return problem == kChoice ? 1 : static_cast<std::int64_t>(labels.size());
}

std::int64_t TaskDescription::label_index(std::string_view label) const {
  const auto found = std::find(labels.begin(), labels.end(), label);
  return found == labels.end() ? -1 : found - labels.begin();
}

Json to_json(const std::vector<TaskDescription>& tasks) {
  if (tasks.size() == 1) return json_of(tasks.front());
  Json list = Json::array({});
  for (const TaskDescription& task : tasks) list.push_back(json_of(task));
  return Json::object({{"tasks", std::move(list)}});
}

std::vector<TaskDescription> parse_descriptions(const Json& json, const std::string& where) {
  try {
    const Json* list = json.is_object() ? json.find("tasks") : nullptr;
    if (!list) return {parse(json)};
    std::vector<TaskDescription> tasks;
    for (const Json& item : list->as_array()) tasks.push_back(parse(item));
    if (tasks.empty()) throw Error(ErrorCode::corrupt, "tasks is an empty list");
    require_distinct_names(tasks);
    return tasks;
  } catch (const Error& error) {
    throw Error(ErrorCode::corrupt, fmt::format("[task] {}: {}", where, error.what()));
  }
}

std::size_t place_of(const std::vector<TaskDescription>& tasks, std::string_view name) {
  if (name.empty()) return 0;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].name == name) return i;
    names.push_back(tasks[i].name);
  }
  throw Error(
      ErrorCode::invalid_argument,
      tasks.size() == 1
          ? fmt::format("[task] the model has one head, which has no name: leave '{}' out", name)
          : fmt::format("[task] the model has no head '{}': its heads are {}", name,
                        fmt::join(names, ", ")));
}

std::vector<TaskDescription> read_adapter_descriptions(const std::filesystem::path& folder,
                                                       const checkpoint::ConfigFile& base) {
  if (std::filesystem::exists(folder / kTaskFile)) return descriptions_in(folder);
  const Json config = Json::parse(
      read_file(folder / checkpoint::kAdapterConfig, kMostDescriptionBytes), folder.string());
  const std::string type = config.get("task_type", "");
  if (type != "SEQ_CLS" && type != "TOKEN_CLS")
    throw Error(ErrorCode::unsupported,
                fmt::format("[task] {} is an adapter for text, not for a task with labels",
                            folder.string()));
  const checkpoint::SafetensorsReader file(folder / checkpoint::kAdapterWeights);
  const checkpoint::StoredTensor* head = nullptr;
  for (const char* name : {"base_model.model.score.weight", "base_model.model.classifier.weight",
                           "base_model.score.weight", "base_model.classifier.weight"})
    if (!head) head = file.find(name);
  if (!head || head->shape.empty())
    throw Error(ErrorCode::corrupt, fmt::format("[task] {} has no classifier", folder.string()));
  TaskDescription t;
  for (std::int64_t i = 0; i < head->shape[0]; ++i) t.labels.push_back(fmt::format("LABEL_{}", i));
  const bool words = type == "TOKEN_CLS";
  t.kind = words ? TaskKind::tokens : TaskKind::classification;
  t.tag_scheme = words ? "plain" : "";
  t.last_piece = base.model.causal;
  t.input = words ? HeadInput::tokens : base.model.causal ? HeadInput::last : HeadInput::pooler;
  // Virtual tokens take positions of the context.
  t.max_tokens = std::min<std::int64_t>(
      t.max_tokens, base.model.context - config.get("num_virtual_tokens", std::int64_t{0}));
  return {t};
}

std::vector<TaskDescription> read_descriptions(const std::filesystem::path& folder,
                                               const checkpoint::ConfigFile& config) {
  if (std::filesystem::exists(folder / kTaskFile)) {
    std::vector<TaskDescription> tasks = descriptions_in(folder);
    const std::string where = (folder / kTaskFile).string();
    const auto& heads = config.model.task_heads;
    if (heads.size() != tasks.size())
      throw Error(ErrorCode::corrupt,
                  fmt::format("[task] {}: the model beside it has {} heads of tasks, this "
                              "describes {}",
                              where, heads.size(), tasks.size()));
    for (std::size_t i = 0; i < tasks.size(); ++i)
      require_fitting(tasks[i], heads[i], config.model, where);
    return tasks;
  }
  if (config.model.task_heads.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("[task] {} is a model without the head of a task: fine-tune it first "
                            "(stemma finetune), or name a fine-tuned model or an adapter",
                            folder.string()));
  if (config.model.task_heads.size() > 1)
    throw Error(ErrorCode::not_found,
                fmt::format("[task] {} has {} heads and no {}, which says what each is for",
                            folder.string(), config.model.task_heads.size(), kTaskFile));
  return {of_config(config)};
}

}  // namespace stemma::tasks
