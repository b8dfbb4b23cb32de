// A model folder opened for inference: configuration, tokenizer, packed weights, and the machine's
// workers.
//
//   LoadedModel model = LoadedModel::open({.path = "runs/bible"});
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/config_file.h"
#include "checkpoint/generation_config.h"
#include "device/stream.h"
#include "models/model.h"
#include "nn/adapter.h"
#include "ops/context.h"
#include "text/tokenizer.h"

namespace stemma::infer {

struct ModelOptions {
  std::filesystem::path path;       // a Hugging Face folder, a run folder or a GGUF file
  std::string precision = "auto";   // auto, f32, bf16
  std::string weights = "f32";      // storage: f32, bf16, f16
  std::string cache_type = "auto";  // of keys and values: auto (as activations) or bf16
  std::string tokenizer;            // empty: the folder's own, if it has one
  std::filesystem::path adapter{};  // of the model, in PEFT's layout; empty: none
  // Whether a low-rank adapter becomes a part of the weights: as fast as the model without it.
  bool merge_adapter = true;
  std::int64_t threads = 0;  // 0: all that the process may use
};

class LoadedModel {
 public:
  // Throws not_found, corrupt, unsupported (files), invalid_argument (options), out_of_memory.
  static LoadedModel open(const ModelOptions& options);
  // Random weights, for benchmarks.
  static LoadedModel random(const ModelConfig& config, const ModelOptions& options);

  const ModelConfig& config() const { return config_.model; }
  // The folder or file of the weights; empty for random ones.
  const std::filesystem::path& path() const { return path_; }
  const Model& model() const { return *model_; }
  // What its passes must be given: an adapter that is no part of the weights; null: none.
  const nn::Adapters* adapters() const { return adapter_ ? &adapters_ : nullptr; }
  // Tokens that a sequence may have: the model's context, without the virtual tokens of an adapter.
  std::int64_t most_tokens() const;
  Stream& stream() const { return *stream_; }
  const ops::Numerics& numerics() const { return numerics_; }
  ops::Context context() const { return ops::Context(*stream_, numerics_); }
  // Throw unsupported, beginning with [who] and naming the model: where it has no head that scores
  // tokens, and where it cannot predict the next token because it sees those that come later.
  void require_token_head(std::string_view who) const;
  void require_next_token(std::string_view who) const;

  // Null where the folder has no tokenizer; tokenizer() throws not_found saying so.
  const Tokenizer* find_tokenizer() const { return tokenizer_.get(); }
  const Tokenizer& tokenizer() const;
  // How its makers want its texts to be drawn; everything empty where no file says it.
  const checkpoint::GenerationConfig& generation() const { return generation_; }
  // The ids that end what the model writes: those of generation_config.json, otherwise of
  // config.json, otherwise the tokenizer's end-of-text token.
  std::vector<std::int32_t> end_tokens() const;
  // The id that ends a text: the configuration's, otherwise the tokenizer's.
  std::optional<std::int32_t> end_of_text() const;
  // The id that stands before a text that nothing precedes: the configuration's bos where it
  // differs from end_of_text(), otherwise that one.
  std::optional<std::int32_t> begin_of_text() const;

 private:
  LoadedModel() = default;
  void build(nn::WeightSource& source, const ModelOptions& options);
  void build_adapted(nn::WeightSource& source, const ModelOptions& options);

  std::filesystem::path path_;
  checkpoint::ConfigFile config_;
  checkpoint::GenerationConfig generation_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Stream> stream_;
  ops::Numerics numerics_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<nn::Adapter> adapter_;
  nn::Adapters adapters_;
};

}  // namespace stemma::infer
