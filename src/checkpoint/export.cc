#include "checkpoint/export.h"

#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/parameter_names.h"

namespace stemma::checkpoint {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "[export] " + what);
}

std::vector<std::int64_t> shape_of(const Tensor& tensor) {
  std::vector<std::int64_t> shape;
  for (int i = 0; i < tensor.shape().rank(); ++i) shape.push_back(tensor.dim(i));
  return shape;
}

// The parameters under their names in the file, in the model's order.
std::vector<NamedTensor> file_tensors(const Export& model) {
  std::map<std::string_view, const NamedTensor*> given;
  for (const NamedTensor& item : model.parameters)
    if (!given.emplace(item.name, &item).second)
      fail(fmt::format("parameter {} is there twice", in_quotes(item.name)));
  std::vector<NamedTensor> tensors;
  for (const Parameter& p : parameters_of(model.config.decoder)) {
    const auto found = given.find(p.name);
    if (found == given.end()) fail(fmt::format("parameter {} is missing", in_quotes(p.name)));
    const Tensor& tensor = found->second->tensor;
    if (!tensor || tensor.dtype() != DType::f32 || shape_of(tensor) != p.shape())
      fail(fmt::format("parameter {} must be f32 {}, got {} {}", in_quotes(p.name),
                       shape_text(p.shape()), to_string(tensor.dtype()),
                       shape_text(shape_of(tensor))));
    tensors.push_back({p.hf_name, tensor, p.conv1d});
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

}  // namespace

void export_model(const fs::path& folder, const Export& model) {
  model.config.decoder.validate();
  const std::vector<NamedTensor> tensors = file_tensors(model);
  const Json config = to_config_json(model.config);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(ErrorCode::device, fmt::format("[export] cannot create the folder {}: {}",
                                               folder.string(), error.message()));
  const fs::path weights = folder / "model.safetensors";
  write_safetensors(weights, tensors);
  verify_safetensors(weights, tensors);
  write_text(folder / "config.json", config.dump(2) + "\n");
  write_text(folder / "generation_config.json",
             to_generation_config_json(model.config).dump(2) + "\n");
  if (model.tokenizer) model.tokenizer->save(folder);
}

}  // namespace stemma::checkpoint
