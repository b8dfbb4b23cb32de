// What trainer, evaluation, inference and checkpoints know of a model: its configuration, the
// states that it computes, and its heads. Members of the family are one short file each beside this
// one (models/family.h lists them); nothing outside models/ names a member.
//
//   std::unique_ptr<Model> model = build_model(config, source);
//   nn::FullAttention state(batch);
//   const Tensor h = model->forward({ctx, batch, state});          // [N, C]
//   const Tensor loss = model->head().loss(ctx, h, batch.targets, 1.0 / tokens);
#pragma once

#include <memory>

#include "models/config.h"
#include "nn/pass.h"
#include "nn/token_head.h"
#include "nn/weight_source.h"

namespace stemma {

class Model {
 public:
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const { return config_; }

  // The states after the last block and the final norm, [N, C] in the activation type (a post-norm
  // model: of the residual stream). Throws invalid_argument for a position past the context or an
  // id outside the vocabulary.
  virtual Tensor forward(const nn::Pass& pass) const = 0;

  // Whether head() can be used: a bare encoder has states only.
  virtual bool has_token_head() const { return true; }
  // Scores tokens from states.
  const nn::TokenHead& head() const { return head_; }

 protected:
  explicit Model(const ModelConfig& config) : config_(config) {}

  ModelConfig config_;
  nn::TokenHead head_;
};

// Asks `source` for every parameter of the configuration's family. Throws invalid_argument
// (config.validate()) and what the source throws.
std::unique_ptr<Model> build_model(const ModelConfig& config, nn::WeightSource& source);

// Every parameter of the model, in the order in which a forward pass meets them; a tied head is not
// among them. Nothing is allocated.
std::vector<nn::ParameterSpec> parameters_of(const ModelConfig& config);

}  // namespace stemma
