// Chooses the next token from its logits: the likeliest, or one drawn with temperature, top-k,
// top-p, min-p and repetition penalty.
//
//   TokenSampler sampler({.temperature = 0.8, .top_k = 40, .seed = 1});
//   const std::int32_t id = sampler.next(logits, ids);
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace stemma::infer {

struct SamplingOptions {
  double temperature = 0;  // 0: greedy, the lowest id among equals
  std::int64_t top_k = 0;  // only the k likeliest; 0: all
  double top_p = 1;        // only the likeliest with this much probability together (Holtzman
                           // et al. 2020, "The Curious Case of Neural Text Degeneration")
  double min_p = 0;        // only those at least this likely beside the likeliest (Nguyen et al.
                           // 2024, "Turning Up the Heat: Min-p Sampling"); 0: all
  double repetition_penalty = 1;  // > 1 makes seen tokens less likely (Keskar et al. 2019, 4.1):
                                  // positive logits are divided by it, negative ones multiplied
  std::uint64_t seed = 0;

  // Throws invalid_argument naming the option.
  void validate() const;
};

// Order as Hugging Face's: penalty, temperature, top-k, top-p, min-p. One per sequence; a token is
// a function of (options, logits, ids so far, position).
class TokenSampler {
 public:
  // Never chooses one of `forbidden`, which must outlive it.
  explicit TokenSampler(const SamplingOptions& options,
                        std::span<const std::int32_t> forbidden = {});

  // logits [V]; `ids`: the prompt and what was generated, whose length is the position of the draw.
  // Throws corrupt when a logit is NaN or infinity, or all are minus infinity (which forbids a
  // token).
  std::int32_t next(std::span<const float> logits, std::span<const std::int32_t> ids);

 private:
  void keep_likeliest();
  void keep_top_p();
  std::int32_t draw(std::int64_t position);

  SamplingOptions options_;
  std::span<const std::int32_t> forbidden_;
  std::vector<float> allowed_, scores_;
  std::vector<std::pair<double, std::int32_t>> candidates_;  // (weight, id), likeliest first
};

}  // namespace stemma::infer
