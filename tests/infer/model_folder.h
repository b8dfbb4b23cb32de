// Tiny model folders whose behaviour is known, with a tokenizer of single bytes.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/export.h"
#include "checkpoint/import_rules.h"
#include "infer/loaded_model.h"
#include "models/model.h"
#include "nn/fresh_weights.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/small_tokenizers.h"

namespace stemma::infer::testing {

inline std::vector<std::int32_t> ids_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  return ids;
}

// Writes a model folder with the byte tokenizer; `init` fills each parameter (zeros before).
template <class Fill>
void write_folder(const std::filesystem::path& folder, const ModelConfig& config,
                  const Fill& fill) {
  std::vector<checkpoint::NamedTensor> parameters;
  for (const nn::ParameterSpec& spec : parameters_of(config)) {
    const Tensor value = Tensor::zeros(spec.shape, DType::f32);
    fill(spec, value);
    parameters.push_back({spec.name, value});
  }
  const auto tokenizer = byte_tokenizer();
  checkpoint::ConfigFile model;
  model.model = config;
  model.eos_token = tokenizer->end_of_text();
  checkpoint::export_model(
      folder, {.config = model, .parameters = parameters, .tokenizer = tokenizer.get()});
}

inline LoadedModel open_f32(const std::filesystem::path& folder) {
  return LoadedModel::open(
      {.path = folder, .precision = "f32", .weights = "f32", .tokenizer = "", .threads = 1});
}

// A model that says after each byte of `chain` the next one, after the last one end of text, and
// after every other token itself. Blocks add nothing; tokens are unit vectors, and row `next` of
// the head is 1 where its predecessors are.
class ChainModel {
 public:
  static constexpr std::int64_t kContext = 12;

  explicit ChainModel(std::string_view chain) {
    const auto tokenizer = byte_tokenizer();
    const std::vector<std::int32_t> ids = ids_of(*tokenizer, chain);
    std::map<std::int32_t, std::int32_t> next;
    for (std::int32_t id = 0; id < 257; ++id) next[id] = id;
    for (std::size_t i = 0; i < ids.size(); ++i)
      next[ids[i]] = i + 1 < ids.size() ? ids[i + 1] : *tokenizer->end_of_text();
    ModelConfig config;
    config.family = "gpt2";
    config.vocab = 257;
    config.context = kContext;
    config.channels = 258;
    config.heads = 2;
    config.layers = 1;
    config.hidden = 1;
    config.tied_head = false;
    write_folder(folder_.path(), config, [&](const nn::ParameterSpec& p, const Tensor& value) {
      float* x = value.data<float>();
      if (p.name == "final_norm.gain") std::fill_n(x, value.elements(), 1.0f);
      for (std::int32_t id = 0; id < 257; ++id) {
        if (p.name == "embedding.tokens") x[id * 258 + id] = 1;
        if (p.name == "head.weight") x[next[id] * 258 + id] = 1;
      }
    });
    model_ = std::make_unique<LoadedModel>(open_f32(folder_.path()));
  }

  const std::filesystem::path& folder() const { return folder_.path(); }
  const LoadedModel& model() const { return *model_; }
  std::vector<std::int32_t> ids(std::string_view text) const {
    return ids_of(model_->tokenizer(), text);
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<LoadedModel> model_;
};

}  // namespace stemma::infer::testing
