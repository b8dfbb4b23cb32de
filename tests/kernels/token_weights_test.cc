#include "kernels/token_weights.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "device/cpu.h"

namespace stemma::kernels {
namespace {

TEST(TokenWeights, AreExponentialsOnEveryPath) {
  std::mt19937 random(1);
  for (const KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath scoped(path);
    for (const std::size_t count : {1u, 7u, 1024u, 5003u}) {
      std::vector<float> scores(count), weights(count);
      for (float& s : scores) s = std::uniform_real_distribution<float>(-30, 3)(random);
      if (count > 1) scores[1] = -std::numeric_limits<float>::infinity();
      const float highest = *std::max_element(scores.begin(), scores.end());
      const double sum = token_weights(scores, highest, 0.7f, weights);
      double wanted = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const double weight = std::exp(static_cast<double>(scores[i] - highest) * 0.7);
        EXPECT_NEAR(static_cast<double>(weights[i]), weight, 3e-6 * weight) << i;
        wanted += weight;
      }
      EXPECT_NEAR(sum, wanted, 2e-6 * wanted);
      // In place.
      std::vector<float> own = scores;
      EXPECT_EQ(token_weights(own, highest, 0.7f, own), sum);
      EXPECT_EQ(own, weights);
    }
  }
}

}  // namespace
}  // namespace stemma::kernels
