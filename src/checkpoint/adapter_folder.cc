#include "checkpoint/adapter_folder.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/adapter_targets.h"
#include "checkpoint/base_sample.h"
#include "checkpoint/import_rules.h"
#include "checkpoint/task_heads.h"
#include "models/model.h"

namespace stemma::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kRoot = "base_model.model.";
constexpr std::string_view kLora = "LORA", kAdaLora = "ADALORA", kBottleneck = "STEMMA_BOTTLENECK",
                           kPrefix = "PREFIX_TUNING", kPrompt = "PROMPT_TUNING";
constexpr std::string_view kPromptTensor = "prompt_embeddings";

[[noreturn]] void refuse_adapter(const fs::path& folder, const std::string& what) {
  throw Error(ErrorCode::unsupported, fmt::format("[adapter] {}: {}", folder.string(), what));
}

[[noreturn]] void foreign_adapter(const fs::path& folder, const std::string& what) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[adapter] {} does not belong to this model: {}. Name the model that it "
                          "was trained on",
                          folder.string(), what));
}

Json read_adapter_config(const fs::path& folder) {
  const fs::path path = folder / kAdapterConfig;
  Json json = Json::parse(read_file(path, kMaxHeaderBytes), path.string());
  if (!json.is_object())
    throw Error(ErrorCode::corrupt, fmt::format("[adapter] {} is no object", path.string()));
  return json;
}

// Settings that would change what is computed.
void refuse_unknown_settings(const Json& config, const fs::path& folder) {
  for (const std::string_view key : {"use_dora", "use_qalora", "lora_bias", "use_bdlora"})
    if (const Json* value = config.find(key); value && value->is_bool() && value->as_bool())
      refuse_adapter(folder, fmt::format("{} = true is not supported", key));
  if (const Json* bias = config.find("bias");
      bias && bias->is_string() && bias->as_string() != "none")
    refuse_adapter(folder, "trained biases (bias) are not supported");
  for (const std::string_view key : {"layer_replication", "trainable_token_indices",
                                     "target_parameters", "alora_invocation_tokens"})
    if (const Json* value = config.find(key); value && !value->is_null())
      refuse_adapter(folder, fmt::format("{} is not supported", key));
}

// The value of a pattern such as {"q_proj": 16} for a module; names and endings only.
double of_pattern(const Json& config, std::string_view key, const std::string& module,
                  double otherwise, const fs::path& folder) {
  const Json* pattern = config.find(key);
  if (!pattern || !pattern->is_object()) return otherwise;
  for (const auto& [name, value] : pattern->as_object()) {
    if (name.find_first_of("*+?[](){}|^$\\") != name.npos)
      refuse_adapter(folder,
                     fmt::format("{} with the regular expression {}", key, in_quotes(name)));
    if (module == name || module.ends_with("." + name)) return value.as_double();
  }
  return otherwise;
}

// What stands before the names of heads: with virtual tokens PEFT puts no layer around the model.
std::string_view head_root(const nn::AdapterSpec& spec) {
  return spec.virtual_tokens > 0 ? "base_model." : kRoot;
}

// The parameters of a model that an adapter may bring: heads of tasks, and the pooler.
std::vector<nn::ParameterSpec> head_parameters(const ModelConfig& model) {
  std::vector<nn::ParameterSpec> list;
  for (nn::ParameterSpec& spec : parameters_of(model))
    if (spec.name.starts_with("class_head") || spec.name.starts_with("tag_head") ||
        spec.name.starts_with("pooler."))
      list.push_back(std::move(spec));
  return list;
}

}  // namespace

bool is_adapter_folder(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / kAdapterConfig, error) && !fs::exists(folder / "config.json", error);
}

std::string base_of_adapter(const fs::path& folder) {
  return read_adapter_config(folder).get("base_model_name_or_path", "");
}

AdapterFolder::AdapterFolder(const fs::path& folder, const ModelConfig& model)
    : folder_(folder), file_(folder / kAdapterWeights) {
  const Json config = read_adapter_config(folder);
  const std::string type = config.get("peft_type", "");
  if (type == kLora || type == kAdaLora) {
    refuse_unknown_settings(config, folder);
    read_low_rank(config, model, type == kAdaLora);
  } else if (type == kBottleneck) {
    read_bottlenecks(config, model);
  } else if (type == kPrefix || type == kPrompt) {
    read_virtual_tokens(config, model, type == kPrefix);
  } else {
    refuse_adapter(folder,
                   fmt::format("adapters of type {} are not supported; {}, {}, {}, {} and "
                               "{} are",
                               in_quotes(type), kLora, kAdaLora, kPrefix, kPrompt, kBottleneck));
  }
  read_heads(model);
  require_all_known(model);
}

void AdapterFolder::read_low_rank(const Json& config, const ModelConfig& model, bool adaptive) {
  spec_.kind = adaptive ? nn::AdapterSpec::Kind::adalora : nn::AdapterSpec::Kind::lora;
  const std::string ending = adaptive ? "" : ".weight";
  const bool stabilised = config.get("use_rslora", false);
  const double alpha = config.get("lora_alpha", 8.0);
  for (const AdapterUnit& unit : adapter_units(model)) {
    const std::string module = std::string(kRoot) + unit.module;
    const StoredTensor* a = file_.find(module + ".lora_A" + ending);
    const StoredTensor* b = file_.find(module + ".lora_B" + ending);
    if (!a && !b) continue;
    if (!a || !b || a->shape.size() != 2 || b->shape.size() != 2 || a->shape[0] != b->shape[1])
      foreign_adapter(folder_, fmt::format("the factors of {} do not fit each other", unit.module));
    if (a->shape[1] != unit.in || b->shape[0] != unit.rows)
      foreign_adapter(folder_,
                      fmt::format("{} is [{}, {}] there and [{}, {}] in the model", unit.module,
                                  b->shape[0], a->shape[1], unit.rows, unit.in));
    const std::int64_t rank = a->shape[0];
    // AdaLoRA divides by the rank that it began with.
    const std::int64_t divisor = adaptive ? config.get("init_r", std::int64_t{12}) : rank;
    const double scale =
        low_rank_scale(of_pattern(config, "alpha_pattern", unit.module, alpha, folder_), divisor,
                       stabilised, adaptive);
    nn::LowRankSpec spec{unit.linear, unit.part, unit.first_row, unit.rows, unit.in, rank, scale};
    tensor_of_[spec.name() + ".a"] = a->name;
    tensor_of_[spec.name() + ".b"] = b->name;
    if (adaptive) tensor_of_[spec.name() + ".e"] = file_.at(module + ".lora_E").name;
    // A matrix without a rank is as the base has it.
    if (rank > 0) spec_.low_rank.push_back(std::move(spec));
  }
  if (tensor_of_.empty()) foreign_adapter(folder_, "none of its matrices is there");
}

void AdapterFolder::read_bottlenecks(const Json& config, const ModelConfig& model) {
  spec_ = bottleneck_spec(model, config.get("width", std::int64_t{0}));
  spec_.activation =
      activation_named(config.get("activation", "gelu_new"), (folder_ / kAdapterConfig).string());
  for (const nn::BottleneckSpec& item : spec_.bottlenecks)
    for (const char* part : {".down.weight", ".down.bias", ".up.weight", ".up.bias"}) {
      const std::string name = item.name() + part;
      if (!file_.find(name)) foreign_adapter(folder_, fmt::format("it has no tensor {}", name));
      tensor_of_[name] = name;
    }
}

void AdapterFolder::read_virtual_tokens(const Json& config, const ModelConfig& model, bool prefix) {
  if (config.get("num_transformer_submodules", std::int64_t{1}) != 1)
    refuse_adapter(folder_, "virtual tokens of an encoder and a decoder are not supported");
  const StoredTensor* table = file_.find(std::string(kPromptTensor));
  if (!table || table->shape.size() != 2)
    foreign_adapter(folder_, fmt::format("it has no matrix {}", kPromptTensor));
  const std::int64_t count = table->shape[0];
  if (const std::int64_t said = config.get("num_virtual_tokens", count); said != count)
    foreign_adapter(folder_,
                    fmt::format("num_virtual_tokens is {} and the table has {} rows", said, count));
  using Kind = nn::AdapterSpec::Kind;
  if (count < 1 || count >= model.context)
    foreign_adapter(folder_, fmt::format("{} virtual tokens leave no position of the context {}",
                                         count, model.context));
  // A prefix that was trained through a projection is saved as the projection gave it.
  spec_ = virtual_token_spec(model, prefix ? Kind::prefix : Kind::prompt, count);
  if (table->shape[1] != spec_.columns)
    foreign_adapter(folder_, fmt::format("{} has {} columns there, the model needs {}",
                                         kPromptTensor, table->shape[1], spec_.columns));
  tensor_of_[std::string(nn::kVirtualTokens)] = table->name;
}

void AdapterFolder::read_heads(const ModelConfig& model) {
  const ImportRules& rules = rules_of(model.family);
  for (const nn::ParameterSpec& spec : head_parameters(model)) {
    const std::string module = files_of(rules, model, spec).front().name;
    const StoredTensor* tensor = file_.find(std::string(head_root(spec_)) + module);
    if (!tensor) continue;
    tensor_of_[spec.name] = tensor->name;
    replaced_.push_back(spec.name);
  }
}

void AdapterFolder::require_all_known(const ModelConfig& model) const {
  std::set<std::string_view> known;
  for (const auto& [ours, theirs] : tensor_of_) known.insert(theirs);
  for (const StoredTensor& tensor : file_.tensors()) {
    if (known.contains(tensor.name)) continue;
    const std::string_view name = std::string_view(tensor.name);
    const bool head = name.ends_with("score.weight") || name.ends_with("classifier.weight");
    if (head && model.task_heads.empty())
      refuse_adapter(folder_,
                     "it brings the head of a task, which this command does not use: "
                     "label text with stemma predict");
    if (head)
      refuse_adapter(folder_, fmt::format("its head {} is none of those that its description of "
                                          "tasks names",
                                          in_quotes(tensor.name)));
    foreign_adapter(folder_, fmt::format("{} has no place in it", in_quotes(tensor.name)));
  }
}

void AdapterFolder::require_base(nn::WeightSource& base, const ModelConfig& model) const {
  for (const auto& [key, value] : file_.metadata())
    if (key == kBaseSample && !fits_base(value, base, model))
      foreign_adapter(folder_, "the weights of its base were other ones, in the same shapes");
}

Weight AdapterFolder::load(const nn::ParameterSpec& spec) {
  const auto found = tensor_of_.find(spec.name);
  if (found == tensor_of_.end())
    throw Error(ErrorCode::not_found, fmt::format("[adapter] {} has no parameter {}",
                                                  folder_.string(), in_quotes(spec.name)));
  const StoredTensor& tensor = file_.at(found->second);
  const Tensor value = file_.read(tensor, Memory::own);
  if (value.shape() != spec.shape)
    foreign_adapter(folder_, fmt::format("{} is {}, the model needs {}", in_quotes(tensor.name),
                                         value.shape().to_string(), spec.shape.to_string()));
  return Weight(value);
}

namespace {

// What the file calls a parameter.
class PeftNames {
 public:
  explicit PeftNames(const AdapterExport& adapter) : adapter_(adapter) {
    const bool adaptive = adapter.spec.kind == nn::AdapterSpec::Kind::adalora;
    const std::string ending = adaptive ? "" : ".weight";
    for (const AdapterUnit& unit : adapter_units(adapter.config.model)) {
      const nn::LowRankSpec spec{unit.linear, unit.part, 0, 0, 0, 0, 1};
      const std::string module = std::string(kRoot) + unit.module;
      names_[spec.name() + ".a"] = module + ".lora_A" + ending;
      names_[spec.name() + ".b"] = module + ".lora_B" + ending;
      names_[spec.name() + ".e"] = module + ".lora_E";
    }
    const ImportRules& rules = rules_of(adapter.config.model.family);
    for (const nn::ParameterSpec& spec : head_parameters(adapter.config.model))
      names_[spec.name] = std::string(head_root(adapter.spec)) +
                          files_of(rules, adapter.config.model, spec).front().name;
    names_[std::string(nn::kVirtualTokens)] = kPromptTensor;
  }

  std::string of(const std::string& ours) const {
    const auto found = names_.find(ours);
    return found == names_.end() ? ours : found->second;
  }
  // "classifier", "bert.pooler.dense": what PEFT is to save beside the adapter.
  std::vector<std::string> modules_to_save() const {
    std::set<std::string> modules;
    for (const NamedTensor& item : adapter_.parameters) {
      if (item.name.starts_with(nn::kAdapterPrefix)) continue;
      const std::string name = of(item.name).substr(head_root(adapter_.spec).size());
      modules.insert(name.substr(0, name.rfind('.')));
    }
    return {modules.begin(), modules.end()};
  }

 private:
  const AdapterExport& adapter_;
  std::map<std::string, std::string> names_;
};

Json json_list(const std::vector<std::string>& items) {
  Json list = Json::array({});
  for (const std::string& item : items) list.push_back(item);
  return list;
}

std::vector<std::string> target_modules(const AdapterExport& adapter) {
  std::vector<std::string> modules;
  for (const AdapterUnit& unit : adapter_units(adapter.config.model))
    for (const nn::LowRankSpec& spec : adapter.spec.low_rank)
      if (spec.linear == unit.linear && spec.part == unit.part) modules.push_back(unit.module);
  return modules;
}

const char* task_type(const ConfigFile& config) {
  if (config.model.task_heads.empty()) return "CAUSAL_LM";
  return config.model.task_heads.front().input == HeadInput::tokens ? "TOKEN_CLS" : "SEQ_CLS";
}

void set_virtual_tokens(Json& json, const nn::AdapterSpec& spec, const ModelConfig& model) {
  const bool prefix = spec.kind == nn::AdapterSpec::Kind::prefix;
  const std::int64_t width = prefix ? model.groups() * model.head_size() : model.channels;
  json.set("peft_type", prefix ? kPrefix : kPrompt);
  json.set("num_virtual_tokens", spec.virtual_tokens);
  json.set("num_layers", model.layers);
  json.set("token_dim", width);
  json.set("num_attention_heads", prefix ? model.groups() : model.heads);
  json.set("num_transformer_submodules", std::int64_t{1});
  if (!prefix) return;
  json.set("encoder_hidden_size", width);
  json.set("prefix_projection", false);
}

Json adapter_config(const AdapterExport& adapter, const PeftNames& names) {
  using Kind = nn::AdapterSpec::Kind;
  Json json = Json::object({{"base_model_name_or_path", adapter.base},
                            {"task_type", task_type(adapter.config)},
                            {"inference_mode", true},
                            {"modules_to_save", json_list(names.modules_to_save())}});
  if (adapter.spec.kind == Kind::bottleneck) {
    json.set("peft_type", kBottleneck);
    json.set("width", adapter.spec.bottlenecks.front().width);
    json.set("activation", activation_name(adapter.spec.activation));
    return json;
  }
  if (adapter.spec.virtual_tokens > 0) {
    set_virtual_tokens(json, adapter.spec, adapter.config.model);
    return json;
  }
  json.set("peft_type", adapter.spec.kind == Kind::adalora ? kAdaLora : kLora);
  json.set("target_modules", json_list(target_modules(adapter)));
  json.set("bias", "none");
  json.set("lora_dropout", static_cast<double>(adapter.spec.dropout));
  json.set("fan_in_fan_out", adapter_units(adapter.config.model).front().transposed);
  return json;
}

}  // namespace

void write_adapter(const fs::path& folder, const AdapterExport& adapter) {
  const PeftNames names(adapter);
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& item : adapter.parameters)
    tensors.push_back({names.of(item.name), with_kept_ranks(item, adapter.kept).tensor});
  Metadata metadata = pytorch_metadata();
  if (!adapter.base_sample.empty()) metadata.emplace_back(kBaseSample, adapter.base_sample);
  write_safetensors(folder / kAdapterWeights, tensors, metadata);
  verify_safetensors(folder / kAdapterWeights, tensors);
  Json config = adapter_config(adapter, names);
  if (!adapter.kept.empty())
    config.set("rank_pattern", rank_pattern(adapter.config.model, adapter.kept));
  for (const auto& [key, value] : adapter.settings.as_object()) config.set(key, value);
  AtomicFile file(folder / kAdapterConfig);
  file.write(config.dump(2) + "\n");
  file.commit();
}

}  // namespace stemma::checkpoint
