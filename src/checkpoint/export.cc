#include "checkpoint/export.h"

#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/import_rules.h"
#include "checkpoint/task_heads.h"
#include "checkpoint/transpose.h"
#include "kernels/elementwise.h"
#include "models/model.h"

namespace stemma::checkpoint {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "[export] " + what);
}

// Rows [begin, end) of a parameter that is dense in its memory.
Tensor rows_of(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  if (tensor.shape().rank() == 2) return tensor.slice_rows(begin, end);
  return Tensor::in(
      tensor.storage(),
      static_cast<std::size_t>(tensor.data<float>() + begin -
                               reinterpret_cast<const float*>(tensor.storage().get()->data)) *
          sizeof(float),
      {end - begin}, DType::f32);
}

// A model without heads is written as the bare model, whose tensors have no prefix.
std::string bare_name(const ImportRules& rules, const ModelConfig& model, const std::string& name) {
  const bool bare = !model.token_head && !model.pair_head && model.task_heads.empty();
  return bare && name.starts_with(rules.prefix) ? name.substr(rules.prefix.size()) : name;
}

// The tensor in the type that the file is to have.
NamedTensor stored_as(DType type, NamedTensor item) {
  if (type == DType::f32) return item;
  Stream stream(1);
  const Tensor from = item.transposed ? transposed(item.tensor) : item.tensor;
  Tensor to = Tensor::empty(from.shape(), type);
  kernels::convert(stream, from, to);
  return {std::move(item.name), std::move(to), false};
}

// The parameters under their names in the file, in the model's order.
std::vector<NamedTensor> file_tensors(const Export& model) {
  std::map<std::string_view, const NamedTensor*> given;
  for (const NamedTensor& item : model.parameters)
    if (!given.emplace(item.name, &item).second)
      fail(fmt::format("parameter {} is there twice", in_quotes(item.name)));
  std::vector<NamedTensor> tensors;
  const ImportRules& rules = rules_of(model.config.model.family);
  for (const nn::ParameterSpec& spec : parameters_of(model.config.model)) {
    const auto found = given.find(spec.name);
    if (found == given.end()) fail(fmt::format("parameter {} is missing", in_quotes(spec.name)));
    const Tensor& tensor = found->second->tensor;
    if (!tensor || tensor.dtype() != DType::f32 || tensor.shape() != spec.shape)
      fail(fmt::format("parameter {} must be f32 {}, got {} {}", in_quotes(spec.name),
                       spec.shape.to_string(), to_string(tensor.dtype()),
                       tensor.shape().to_string()));
    std::int64_t begin = 0;
    for (const FileTensor& file : files_of(rules, model.config.model, spec)) {
      const std::int64_t end = begin + file.shape[file.transposed ? 1 : 0];
      const bool whole = begin == 0 && end == spec.shape[0];
      tensors.push_back(stored_as(model.weights,
                                  {bare_name(rules, model.config.model, file.name),
                                   whole ? tensor : rows_of(tensor, begin, end), file.transposed}));
      begin = end;
    }
    given.erase(found);
  }
  if (!given.empty())
    fail(fmt::format("the model has no parameter {}", in_quotes(given.begin()->first)));
  return tensors;
}

void write_text(const fs::path& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(ErrorCode::device, fmt::format("[export] cannot create the folder {}: {}",
                                               folder.string(), error.message()));
}

}  // namespace

void export_adapter(const fs::path& folder, const Export& model, const AdapterExport& adapter) {
  create_folder(folder);
  write_adapter(folder, adapter);
  for (const auto& [name, text] : model.other_files) write_text(folder / name, text);
  if (model.tokenizer) model.tokenizer->save(folder);
}

void export_model(const fs::path& folder, const Export& model) {
  model.config.model.validate();
  const std::vector<NamedTensor> tensors = file_tensors(model);
  const Json config = to_config_json(model.config, model.weights);
  create_folder(folder);
  const fs::path weights = folder / "model.safetensors";
  write_safetensors(weights, tensors);
  verify_safetensors(weights, tensors);
  write_text(folder / "config.json", config.dump(2) + "\n");
  Json generation = to_generation_config_json(model.config);
  // Keys of an older config.json go with the special tokens.
  if (model.generation.is_object()) {
    if (model.generation.find("eos_token_id") != nullptr) generation = Json::object();
    for (const auto& [key, value] : model.generation.as_object()) generation.set(key, value);
  }
  write_text(folder / "generation_config.json", generation.dump(2) + "\n");
  for (const auto& [name, text] : model.other_files) write_text(folder / name, text);
  if (model.tokenizer) model.tokenizer->save(folder);
}

}  // namespace stemma::checkpoint
