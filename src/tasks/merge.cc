#include "tasks/merge.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/export.h"
#include "checkpoint/merged_source.h"
#include "checkpoint/stored_model.h"
#include "kernels/elementwise.h"
#include "models/model.h"
#include "tasks/description.h"
#include "tasks/finetune_plan.h"
#include "tasks/task_model.h"

namespace stemma::tasks {
namespace {

namespace fs = std::filesystem;

void refuse_quantised(const fs::path& model) {
  std::error_code error;
  if (!fs::is_regular_file(model, error)) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("[merge] {} is quantised: its weights cannot hold the sum. Make a folder "
                          "of it first (stemma convert --from {} --to FOLDER) and merge into that",
                          model.string(), model.string()));
}

std::vector<checkpoint::NamedTensor> in_f32(nn::WeightSource& source, const ModelConfig& model) {
  std::vector<checkpoint::NamedTensor> list;
  Stream stream(1);
  for (const nn::ParameterSpec& spec : parameters_of(model)) {
    Tensor value = source.load(spec).value();
    if (value.dtype() != DType::f32) {
      const Tensor wide = Tensor::empty(value.shape(), DType::f32);
      kernels::convert(stream, value, wide);
      stream.sync();
      value = wide;
    }
    list.push_back({spec.name, std::move(value)});
  }
  return list;
}

// An adapter for text alone has no labels.
bool is_for_a_task(const fs::path& adapter) {
  const fs::path file = adapter / checkpoint::kAdapterConfig;
  const Json json = Json::parse(read_file(file, 1 << 24), file.string());
  return json.get("task_type", "") != "CAUSAL_LM";
}

}  // namespace

void merge_adapter(const MergeOptions& o) {
  refuse_quantised(o.model);
  const fs::path folder = task_folder(o.adapter);
  const checkpoint::StoredModel stored = checkpoint::open_stored_model(o.model);
  checkpoint::Export out;
  out.config = stored.config;
  if (is_for_a_task(folder)) {
    const auto tasks = read_adapter_descriptions(folder, stored.config);
    out.config = config_for(tasks, stored.config);
    out.other_files = {{kTaskFile, to_json(tasks).dump(2) + "\n"}};
  }
  checkpoint::AdapterFolder adapter(folder, out.config.model);
  adapter.require_base(*stored.source, stored.config.model);
  checkpoint::MergedSource source(*stored.source, adapter);
  const auto parameters = in_f32(source, out.config.model);
  out.generation = stored.generation.file;
  out.parameters = parameters;
  out.tokenizer = stored.tokenizer.get();
  out.weights = o.weights;
  checkpoint::export_model(o.to, out);
}

}  // namespace stemma::tasks
