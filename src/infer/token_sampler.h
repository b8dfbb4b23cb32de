// Chooses the next token from its logits: the likeliest, or one drawn with temperature, top-k,
// top-p, min-p, penalties and biases.
//
//   TokenSampler sampler({.temperature = 0.8, .top_k = 40, .seed = 1});
//   const std::int32_t id = sampler.next({.logits = logits, .ids = ids, .prompt = 12});
//
// The vocabulary is never sorted: a pass of vector instructions weighs all tokens, and only those
// that may be chosen are put in order.
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
  // Taken off the logits of tokens of the continuation, as OpenAI's API has it: the first for each
  // time that they were written, the second once.
  double frequency_penalty = 0, presence_penalty = 0;
  // Added to the logits of single tokens, before everything else.
  std::vector<std::pair<std::int32_t, double>> logit_bias = {};
  std::uint64_t seed = 0;

  // Throws invalid_argument naming the option.
  void validate() const;
};

// What a token is chosen from.
struct TokenScores {
  std::span<const float> logits;      // [V]
  std::span<const std::int32_t> ids;  // the prompt and the continuation; their number is the
                                      // position of the draw
  std::int64_t prompt = 0;            // how many of them are the prompt
  // A bit for each token that may be chosen, of id 0 first; empty: all of them.
  std::span<const std::uint32_t> allowed = {};
};

// Order: biases, repetition, frequency and presence penalty, what is forbidden, and then as Hugging
// Face's temperature, top-k, top-p, min-p. One per sequence; a token is a function of (options,
// scores, position).
class TokenSampler {
 public:
  // Never chooses one of `forbidden`, which must outlive it.
  explicit TokenSampler(const SamplingOptions& options,
                        std::span<const std::int32_t> forbidden = {});

  // Throws corrupt when a logit is NaN or infinity, or all are minus infinity (which forbids a
  // token); invalid_argument where no token is allowed.
  std::int32_t next(const TokenScores& scores);

 private:
  struct Candidate {
    float weight;
    std::int32_t id;
  };

  bool changes_scores(const TokenScores& scores) const;
  std::span<const float> changed(const TokenScores& scores);
  std::int32_t draw(std::span<const float> scores, std::int32_t likeliest, std::int64_t position);
  void keep_top_k();
  void keep_top_p(double total);

  SamplingOptions options_;
  std::span<const std::int32_t> forbidden_;
  std::vector<float> scores_, weights_;
  std::vector<Candidate> candidates_;
};

}  // namespace stemma::infer
