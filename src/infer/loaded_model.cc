#include "infer/loaded_model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint_source.h"
#include "checkpoint/run_folder.h"
#include "infer/packed_source.h"
#include "models/cost.h"
#include "nn/fresh_weights.h"

namespace stemma::infer {
namespace {

namespace fs = std::filesystem;

bool has_tokenizer(const fs::path& folder) {
  return fs::exists(folder / "tokenizer.json") ||
         (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"));
}

}  // namespace

LoadedModel LoadedModel::open(const ModelOptions& options) {
  LoadedModel model;
  const auto found = checkpoint::resolve_model_folder(options.path);
  for (const std::string& warning : found.warnings) log_warning(warning);
  model.folder_ = found.folder;
  checkpoint::CheckpointSource source(found.folder, checkpoint::Memory::shared);
  model.config_ = source.config();
  if (!options.tokenizer.empty())
    model.tokenizer_ = open_tokenizer(options.tokenizer);
  else if (has_tokenizer(found.folder))
    model.tokenizer_ = open_tokenizer(found.folder.string());
  if (model.tokenizer_ && model.tokenizer_->vocab_size() > model.config().vocab)
    throw Error(
        ErrorCode::corrupt,
        fmt::format("[model] the tokenizer has {} ids, the model in {} only {}: they do not "
                    "belong together",
                    model.tokenizer_->vocab_size(), found.folder.string(), model.config().vocab));
  model.build(source, options);
  return model;
}

LoadedModel LoadedModel::random(const ModelConfig& config, const ModelOptions& options) {
  LoadedModel model;
  model.config_.model = config;
  nn::FreshWeights source(1);
  model.build(source, options);
  return model;
}

void LoadedModel::build(nn::WeightSource& source, const ModelOptions& options) {
  stream_ = std::make_unique<Stream>(options.threads > 0 ? static_cast<int>(options.threads)
                                                         : available_threads());
  numerics_ = ops::numerics_named(options.precision, stream_->device());
  const DType storage = weight_storage_named(options.weights);
  ModelCost(config_.model).require_memory(static_cast<double>(size_of(storage)));
  PackedSource packed(source, *stream_, storage);
  model_ = build_model(config_.model, packed);
}

const Tokenizer& LoadedModel::tokenizer() const {
  if (!tokenizer_)
    throw Error(
        ErrorCode::not_found,
        fmt::format("[model] {} has no tokenizer (tokenizer.json, or vocab.json with merges.txt): "
                    "name one with --tokenizer",
                    folder_.string()));
  return *tokenizer_;
}

std::optional<std::int32_t> LoadedModel::end_of_text() const {
  if (config_.eos_token) return static_cast<std::int32_t>(*config_.eos_token);
  return tokenizer_ ? tokenizer_->end_of_text() : std::nullopt;
}

}  // namespace stemma::infer
