#include "train/adversarial.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/ascent.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/host.h"
#include "models/parts.h"

namespace stemma::train {

void declare(AdversarialOptions& options, OptionSet& set) {
  set.add_choice({"adversarial",
                  "learn from every text also under the small change of its embeddings that raises "
                  "the loss most; fgm: one step along the gradient, twice the time; pgd: several "
                  "smaller ones",
                  "fgm",
                  {"adv_train", "adversarial_training", "attack"}},
                 options.adversarial, {"none", "fgm", "pgd"});
  set.add({"adversarial_epsilon",
           "largest norm of the change of a whole text, in mean norms of a token's vector in the "
           "base model",
           "0.3",
           {"adv_epsilon", "adv_eps", "fgm_epsilon", "pgd_epsilon"}},
          options.adversarial_epsilon, {1e-6, 1e6});
  set.add({"adversarial_steps", "steps of pgd", "3", {"adv_steps", "adv_k", "pgd_k"}},
          options.adversarial_steps, {1, 1000});
  set.add({"adversarial_step_size",
           "norm of a step of pgd, counted as adversarial_epsilon is; 0: 2.5 epsilon / steps",
           "0.2",
           {"adv_alpha", "pgd_alpha", "adv_lr"}},
          options.adversarial_step_size, {0, 1e6});
}

std::optional<Adversarial> adversarial_of(const AdversarialOptions& options, double token_norm) {
  const double epsilon = options.adversarial_epsilon * token_norm;
  if (options.adversarial == "none") return std::nullopt;
  if (options.adversarial == "fgm") return Adversarial{epsilon, epsilon, 1};
  // Madry et al. 2018, section 5: the steps can reach the whole of the ball.
  const double step = options.adversarial_step_size > 0
                          ? options.adversarial_step_size * token_norm
                          : 2.5 * epsilon / static_cast<double>(options.adversarial_steps);
  return Adversarial{epsilon, step, options.adversarial_steps};
}

double mean_token_norm(const ModelConfig& config, nn::WeightSource& source, Stream& stream) {
  constexpr std::int64_t kRows = 1024;
  const Weight tokens = token_embedding(source, config);
  double sum = 0;
  for (std::int64_t begin = 0; begin < config.vocab; begin += kRows) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(std::min(kRows, config.vocab - begin)));
    std::iota(ids.begin(), ids.end(), static_cast<std::int32_t>(begin));
    const Tensor rows =
        Tensor::empty({static_cast<std::int64_t>(ids.size()), config.channels}, DType::f32);
    kernels::embedding_forward(stream, ids, {}, tokens, {}, rows);
    const std::vector<float> values = kernels::to_host<float>(stream, rows);
    const auto channels = static_cast<std::size_t>(config.channels);
    for (std::size_t row = 0; row < values.size(); row += channels) {
      double squares = 0;
      for (std::size_t c = row; c < row + channels; ++c)
        squares += static_cast<double>(values[c]) * static_cast<double>(values[c]);
      sum += std::sqrt(squares);
    }
  }
  return sum / static_cast<double>(config.vocab);
}

double cost_in_steps(const std::optional<Adversarial>& how) {
  return how ? 2 + 2.0 / 3.0 * static_cast<double>(how->steps - 1) : 1.0;
}

void run_adversarial_passes(const Adversarial& how, ops::Context& ctx, const Batch& batch,
                            std::int64_t channels, const RunPass& run) {
  const Tensor delta = ctx.empty({batch.tokens(), channels}, ctx.numerics().stream);
  kernels::fill(ctx.stream(), delta, 0);
  // Adding zeros makes the gradient readable also where embeddings are frozen.
  Tensor gradient = run({LearningPass::Kind::clean, delta});
  for (std::int64_t step = 1; step <= how.steps; ++step) {
    kernels::ascend_in_ball(ctx.stream(), batch.offsets, gradient, {how.step_size, how.epsilon},
                            delta);
    gradient = run(
        {step == how.steps ? LearningPass::Kind::perturbed : LearningPass::Kind::search, delta});
  }
}

}  // namespace stemma::train
