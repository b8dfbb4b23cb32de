#include "checkpoint/task_heads.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

constexpr std::string_view kHeadsKey = "stemma_heads";
constexpr std::string_view kSingleLabel = "single_label_classification";
constexpr std::string_view kMultiLabel = "multi_label_classification";
constexpr std::string_view kRegression = "regression";
constexpr std::string_view kChoice = "choice";
constexpr std::int64_t kMostOutputs = 1 << 20;

struct HeadInputName {
  std::string_view name;
  HeadInput input;
};
constexpr std::array<HeadInputName, 5> kHeadInputs{{{"last", HeadInput::last},
                                                    {"first", HeadInput::first},
                                                    {"mean", HeadInput::mean},
                                                    {"pooler", HeadInput::pooler},
                                                    {"tokens", HeadInput::tokens}}};

[[noreturn]] void corrupt_heads(const std::string& what) { throw Error(ErrorCode::corrupt, what); }

// The rules of the class that computes this head; null where there is none.
const TaskHeadRules* rules_for(const ImportRules& rules, const TaskHeadConfig& head) {
  if (!head.name.empty()) return nullptr;
  for (const TaskHeadRules* known : {&rules.classes, &rules.tags, &rules.choices})
    if (!known->architecture.empty() && known->input == head.input && known->bias == head.bias)
      return known;
  return nullptr;
}

// The names in the order of their numbers: {"0": "neg", "1": "pos"}.
std::vector<std::string> labels_of(const Json& json) {
  const Json* names = json.find("id2label");
  std::vector<std::string> labels;
  if (names && names->is_object()) {
    const auto size = static_cast<std::int64_t>(names->as_object().size());
    for (std::int64_t i = 0; i < size; ++i) {
      const Json* name = names->find(std::to_string(i));
      if (!name || !name->is_string())
        corrupt_heads(
            fmt::format("id2label must name the classes 0 to {}, {} has no name", size - 1, i));
      if (std::find(labels.begin(), labels.end(), name->as_string()) != labels.end())
        corrupt_heads(fmt::format("id2label names '{}' twice", name->as_string()));
      labels.push_back(name->as_string());
    }
    if (labels.empty()) corrupt_heads("id2label names no class");
    return labels;
  }
  const std::int64_t count = json.get("num_labels", std::int64_t{2});
  if (count < 1 || count > kMostOutputs)
    corrupt_heads(fmt::format("num_labels must be between 1 and {}, got {}", kMostOutputs, count));
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(fmt::format("LABEL_{}", i));
  return labels;
}

// What the outputs mean. `choices`: of heads that only our own key describes.
std::string known_problem(std::string problem, bool choices) {
  for (const std::string_view known : {kSingleLabel, kMultiLabel, kRegression})
    if (problem == known) return problem;
  if (choices && problem == kChoice) return problem;
  corrupt_heads(fmt::format("problem_type must be {}, {} or {}, got {}", kSingleLabel, kMultiLabel,
                            kRegression, in_quotes(problem)));
}

// As transformers writes it, a string or a list of one.
std::string architecture_of(const Json& json) {
  const Json* list = json.find("architectures");
  if (!list || !list->is_array() || list->as_array().empty()) return {};
  const Json& first = list->as_array().front();
  return first.is_string() ? first.as_string() : std::string();
}

void add_head(ConfigFile& config, TaskHeadConfig head, HeadLabels labels) {
  config.model.task_heads.push_back(std::move(head));
  config.head_labels.push_back(std::move(labels));
}

void read_own_heads(const Json& list, ConfigFile& config) {
  for (const Json& item : list.as_array()) {
    TaskHeadConfig head;
    HeadLabels labels;
    head.name = item.get("name", "");
    head.input = head_input_named(item.get("input", "last"));
    head.bias = item.get("bias", false);
    labels.problem = known_problem(item.get("problem", std::string(kSingleLabel).c_str()), true);
    for (const Json& name : item.at("labels").as_array()) labels.names.push_back(name.as_string());
    head.outputs = labels.problem == kChoice ? 1 : static_cast<std::int64_t>(labels.names.size());
    add_head(config, std::move(head), std::move(labels));
  }
}

void write_own_heads(const ConfigFile& config, Json& json) {
  Json list = Json::array({});
  for (std::size_t i = 0; i < config.model.task_heads.size(); ++i) {
    const TaskHeadConfig& head = config.model.task_heads[i];
    Json names = Json::array({});
    for (const std::string& name : config.head_labels[i].names) names.push_back(name);
    list.push_back(Json::object({{"name", head.name},
                                 {"input", to_string(head.input)},
                                 {"bias", head.bias},
                                 {"problem", config.head_labels[i].problem},
                                 {"labels", std::move(names)}}));
  }
  json.set(kHeadsKey, std::move(list));
}

}  // namespace

std::string_view to_string(HeadInput input) {
  for (const HeadInputName& item : kHeadInputs)
    if (item.input == input) return item.name;
  throw Error(ErrorCode::internal, "[config] a head input without a name");
}

HeadInput head_input_named(std::string_view name) {
  for (const HeadInputName& item : kHeadInputs)
    if (item.name == name) return item.input;
  corrupt_heads(fmt::format("a head reads last, first, mean, pooler or tokens, got {}",
                            in_quotes(std::string(name))));
}

void read_task_heads(const Json& json, const ImportRules& rules, ConfigFile& config) {
  if (const Json* own = json.find(kHeadsKey)) {
    read_own_heads(*own, config);
    return;
  }
  const std::string architecture = architecture_of(json);
  if (architecture.empty()) return;
  for (const TaskHeadRules* known : {&rules.classes, &rules.tags, &rules.choices}) {
    if (known->architecture != architecture) continue;
    HeadLabels labels;
    if (known == &rules.choices)
      labels.problem = kChoice;
    else
      labels.names = labels_of(json);
    const Json* problem = json.find("problem_type");
    if (known == &rules.classes) {
      if (problem && problem->is_string())
        labels.problem = known_problem(problem->as_string(), false);
      else if (labels.names.size() == 1)
        labels.problem = kRegression;  // as transformers decides
    }
    const auto outputs =
        labels.problem == kChoice ? 1 : static_cast<std::int64_t>(labels.names.size());
    add_head(config, {"", outputs, known->input, known->bias}, std::move(labels));
    return;
  }
}

void write_task_heads(const ConfigFile& config, const ImportRules& rules, Json& json) {
  const auto& heads = config.model.task_heads;
  if (heads.empty()) return;
  if (heads.size() != config.head_labels.size())
    throw Error(ErrorCode::internal, "[config] every head of a task needs its labels");
  const HeadLabels& labels = config.head_labels.front();
  const TaskHeadRules* known = heads.size() == 1 ? rules_for(rules, heads.front()) : nullptr;
  if (known && labels.problem == kChoice && !rules.choices.architecture.empty())
    known = &rules.choices;
  // A choice where the family has no class for it is a regression there, and a choice here.
  if (!known || (labels.problem == kChoice && known != &rules.choices))
    write_own_heads(config, json);
  if (!known) return;
  json.set("architectures", Json::array({known->architecture}));
  if (labels.problem == kChoice) {
    if (known != &rules.choices) {
      json.set("id2label", Json::object({{"0", "score"}}));
      json.set("label2id", Json::object({{"score", 0}}));
    }
    return;
  }
  Json names = Json::object(), numbers = Json::object();
  for (std::size_t i = 0; i < labels.names.size(); ++i) {
    names.set(std::to_string(i), labels.names[i]);
    numbers.set(labels.names[i], static_cast<std::int64_t>(i));
  }
  json.set("id2label", std::move(names));
  json.set("label2id", std::move(numbers));
  if (heads.front().input != HeadInput::tokens) json.set("problem_type", labels.problem);
}

bool has_class_of_transformers(const ImportRules& rules, const ModelConfig& model) {
  return model.task_heads.size() == 1 && rules_for(rules, model.task_heads.front()) != nullptr;
}

std::vector<FileTensor> files_of(const ImportRules& rules, const ModelConfig& model,
                                 const nn::ParameterSpec& spec) {
  for (const TaskHeadConfig& head : model.task_heads) {
    const std::string parameter = head.parameter();
    if (spec.name != parameter + ".weight" && spec.name != parameter + ".bias") continue;
    if (!has_class_of_transformers(rules, model)) return as_it_is(spec, spec.name);
    const std::string kind = spec.name.substr(parameter.size());
    return as_it_is(spec,
                    fmt::format("{}{}", rules_for(rules, model.task_heads.front())->tensors, kind));
  }
  return rules.files(spec);
}

}  // namespace stemma::checkpoint
