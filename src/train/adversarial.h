// Adversarial training on embeddings: each micro-batch is learnt from twice, as it is and with the
// small perturbation of its embeddings that raises the loss most. Models that do so answer more
// alike where texts change a little (typos, casing, spacing).
//
//   none  nothing
//   fgm   one step:  ε g / ‖g‖, g = ∂loss/∂embeddings   (Miyato et al. 2017, "Adversarial training
//         methods for semi-supervised text classification", equation 5)
//   pgd   K steps of α g / ‖g‖, each projected onto the ball of radius ε   (Madry et al. 2018,
//         "Towards deep learning models resistant to adversarial attacks")
//
// Norms are L2 over all tokens and channels of one sequence, which is perturbed alone. The passes
// of a micro-batch, whose masks of dropout are the same:
//
//   clean      adds to the parameters' gradients, gives the gradient at the embeddings
//   perturbed  K - 1 times: gives the gradient at the embeddings only
//   perturbed  adds to the parameters' gradients: the step learns from the sum of both losses
//
// The recipe's keys count ε and α in the mean norm of the base model's token vectors, so that the
// same numbers mean the same for every model:
//
//   settings.adversarial = adversarial_of(recipe.adversarial, mean_token_norm(config, base,
//   stream));
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/options.h"
#include "models/config.h"
#include "nn/weight_source.h"
#include "ops/context.h"
#include "tensor/batch.h"

namespace stemma::train {

// The keys of a recipe.
struct AdversarialOptions {
  std::string adversarial = "none";
  double adversarial_epsilon = 0.1;  // in mean norms of a token's vector
  std::int64_t adversarial_steps = 3;
  double adversarial_step_size = 0;  // the same; 0: 2.5 ε / steps
};
void declare(AdversarialOptions& options, OptionSet& set);

// What they come to.
struct Adversarial {
  double epsilon = 0;      // largest norm of a sequence's perturbation
  double step_size = 0;    // α
  std::int64_t steps = 1;  // K; fgm is one step of size ε
};
// Nothing for `none`.
std::optional<Adversarial> adversarial_of(const AdversarialOptions& options, double token_norm);

// The mean of the norms of the rows of a model's token embedding.
double mean_token_norm(const ModelConfig& config, nn::WeightSource& source, Stream& stream);

// What a step costs, in steps without adversarial training: a pass that leaves the parameters'
// gradients out has two of three products.
double cost_in_steps(const std::optional<Adversarial>& how);

// A pass forward and backward over a micro-batch, and what it is for.
struct LearningPass {
  enum class Kind : std::uint8_t {
    clean,      // for the parameters' gradients, and the perturbation's where there is one (zero)
    search,     // for the perturbation's gradient only
    perturbed,  // for the parameters' gradients only
  };
  Kind kind = Kind::clean;
  Tensor perturbation{};  // [N, C], added to the embeddings; empty: none

  bool learns() const { return kind != Kind::search; }
  bool probes() const { return perturbation && kind != Kind::perturbed; }
};
// Runs it; returns the gradient [N, C] of the perturbation of a pass that probes.
using RunPass = std::function<Tensor(const LearningPass& pass)>;

// Runs the passes of one micro-batch; the first is the clean one, the last the perturbed one that
// learns. `channels`: C.
void run_adversarial_passes(const Adversarial& how, ops::Context& ctx, const Batch& batch,
                            std::int64_t channels, const RunPass& run);

}  // namespace stemma::train
