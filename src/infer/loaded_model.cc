#include "infer/loaded_model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/adapter_folder.h"
#include "checkpoint/gguf_tokenizer.h"
#include "checkpoint/merged_source.h"
#include "checkpoint/stored_model.h"
#include "models/cost.h"
#include "nn/fresh_weights.h"
#include "nn/packed_weights.h"
#include "nn/virtual_tokens.h"

namespace stemma::infer {
namespace {

DType cache_type_named(std::string_view name, const ops::Numerics& numerics) {
  if (name == "auto") return numerics.activations;
  if (name == "bf16") return DType::bf16;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[cache_type] must be auto or bf16, got '{}'", name));
}

}  // namespace

LoadedModel LoadedModel::open(const ModelOptions& options) {
  LoadedModel model;
  const bool own_tokenizer = options.tokenizer.empty();
  checkpoint::StoredModel stored = checkpoint::open_stored_model(
      options.path, own_tokenizer ? checkpoint::WithTokenizer::yes : checkpoint::WithTokenizer::no);
  model.path_ = stored.path;
  model.config_ = stored.config;
  model.generation_ = stored.generation;
  model.tokenizer_ =
      own_tokenizer ? stored.tokenizer : checkpoint::tokenizer_from(options.tokenizer);
  if (model.tokenizer_ && !own_tokenizer) {
    checkpoint::require_fitting(*model.tokenizer_, model.config(), model.path_);
    checkpoint::warn_of_other_tokenizer(*model.tokenizer_, model.path_);
  }
  if (options.adapter.empty())
    model.build(*stored.source, options);
  else
    model.build_adapted(*stored.source, options);
  return model;
}

void LoadedModel::build_adapted(nn::WeightSource& source, const ModelOptions& options) {
  checkpoint::AdapterFolder adapter(options.adapter, config_.model);
  adapter.require_base(source, config_.model);
  if (options.merge_adapter && !adapter.spec().low_rank.empty()) {
    checkpoint::MergedSource merged(source, adapter);
    build(merged, options);
    return;
  }
  build(source, options);
  adapter_ = std::make_unique<nn::Adapter>(adapter, adapter.spec());
  adapters_.list = {adapter_.get()};
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
  numerics_.cache = cache_type_named(options.cache_type, numerics_);
  const DType storage = nn::weight_storage_named(options.weights);
  ModelCost(config_.model).require_memory(static_cast<double>(size_of(storage)));
  nn::PackedWeights packed(source, *stream_, storage);
  model_ = build_model(config_.model, packed);
}

std::int64_t LoadedModel::most_tokens() const {
  return config().context - nn::most_virtual_tokens(adapters());
}

void LoadedModel::require_token_head(std::string_view who) const {
  if (model_->has_token_head()) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("[{}] {} is a {} model without a token head: it has states "
                          "(stemma hidden, stemma embed) but no logits",
                          who, path_.string(), config().family));
}

void LoadedModel::require_next_token(std::string_view who) const {
  if (config().causal) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("[{}] {} is a {} model, an encoder that reads whole texts: it cannot "
                          "predict the next token; use a decoder",
                          who, path_.empty() ? "this" : path_.string(), config().family));
}

const Tokenizer& LoadedModel::tokenizer() const {
  if (!tokenizer_)
    throw Error(
        ErrorCode::not_found,
        fmt::format("[model] {} has no tokenizer (tokenizer.json, or vocab.json with merges.txt): "
                    "name one with --tokenizer",
                    path_.string()));
  return *tokenizer_;
}

std::vector<std::int32_t> LoadedModel::end_tokens() const {
  std::vector<std::int32_t> ids;
  // An id that the model does not have cannot come.
  const auto add = [&](std::int64_t id) {
    if (id >= 0 && id < config().vocab) ids.push_back(static_cast<std::int32_t>(id));
  };
  for (const std::int64_t id : generation_.end_tokens) add(id);
  if (!ids.empty()) return ids;
  if (const auto end = end_of_text()) ids.push_back(*end);
  for (const std::int64_t id : config_.more_eos_tokens) add(id);
  return ids;
}

std::optional<std::int32_t> LoadedModel::begin_of_text() const {
  if (config_.bos_token) return static_cast<std::int32_t>(*config_.bos_token);
  return end_of_text();
}

std::optional<std::int32_t> LoadedModel::end_of_text() const {
  if (config_.eos_token) return static_cast<std::int32_t>(*config_.eos_token);
  return tokenizer_ ? tokenizer_->end_of_text() : std::nullopt;
}

}  // namespace stemma::infer
