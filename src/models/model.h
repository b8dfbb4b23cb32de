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
#include <optional>

#include "models/config.h"
#include "nn/pair_head.h"
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
  // model: of the residual stream), or [M, C], those of pass.read. Throws invalid_argument for a
  // position past the context or an id outside the vocabulary.
  virtual Tensor forward(const nn::Pass& pass) const = 0;

  // The heads that there are (ModelConfig says which): scores of tokens from states, the vector of
  // a sequence, whether two texts follow each other, and the heads of tasks. Asking for another one
  // throws unsupported, naming the family.
  bool has_token_head() const { return config_.token_head; }
  bool has_pooler() const { return pooler_.has_value(); }
  bool has_pair_head() const { return pair_head_.has_value(); }
  const nn::TokenHead& head() const {
    if (!has_token_head()) no_head("token head");
    return head_;
  }
  const nn::Pooler& pooler() const {
    if (!pooler_) no_head("pooler");
    return *pooler_;
  }
  const nn::PairHead& pair_head() const {
    if (!pair_head_) no_head("next-sentence head");
    return *pair_head_;
  }
  // Those of config().task_heads, in their order: scores [M, K] of vectors [M, C].
  const nn::Linear& task_head(std::size_t index = 0) const {
    if (index >= task_heads_.size()) no_head("head for a task");
    return task_heads_[index];
  }

 protected:
  explicit Model(const ModelConfig& config) : config_(config) {}

  ModelConfig config_;
  nn::TokenHead head_;
  std::optional<nn::Pooler> pooler_;
  std::optional<nn::PairHead> pair_head_;

 private:
  friend std::unique_ptr<Model> build_model(const ModelConfig& config, nn::WeightSource& source);
  // Heads of tasks sit on the trunk of any family alike.
  void add_task_heads(nn::WeightSource& source);

  std::vector<nn::Linear> task_heads_;
  [[noreturn]] void no_head(const char* head) const;
};

// Asks `source` for every parameter of the configuration's family. Throws invalid_argument
// (config.validate()) and what the source throws.
std::unique_ptr<Model> build_model(const ModelConfig& config, nn::WeightSource& source);

// Every parameter of the model, in the order in which a forward pass meets them; a tied head is not
// among them. Nothing is allocated.
std::vector<nn::ParameterSpec> parameters_of(const ModelConfig& config);

}  // namespace stemma
