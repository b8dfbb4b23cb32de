// GPT-3 (Brown et al. 2020): GPT-2 in which every second layer sees a window of the text only
// ("alternating dense and locally banded sparse attention patterns", section 2.1; Child et al.
// 2019). The sizes are those of table 2.1, which does not multiply out for two: XL has 16 heads of
// 128 here (the table says 24), and the 13B model has C = 5,120 (the table says 5,140).
#include "models/family.h"
#include "models/parts.h"
#include "models/patterns.h"

namespace stemma {
namespace {

// Layer 0 dense, then local (k = 256) and dense in turns.
std::vector<kernels::AttentionPattern> gpt3_patterns(std::int64_t layers) {
  return repeated_patterns({"dense", "local"}, layers);
}

ModelConfig gpt3_defaults() {
  ModelConfig c = family_named("gpt2").defaults();
  c.family = "gpt3";
  return c;
}

std::unique_ptr<Model> build_gpt3(const ModelConfig& config, nn::WeightSource& source) {
  return family_named("gpt2").build(config, source);
}

std::vector<PublishedSize> gpt3_sizes() {
  const auto size = [](std::int64_t layers, std::int64_t channels, std::int64_t heads) {
    ModelConfig c = gpt3_defaults();
    c.vocab = 50257;
    c.context = 2048;
    c.layers = layers;
    c.channels = channels;
    c.heads = heads;
    c.hidden = 4 * channels;
    c.patterns = gpt3_patterns(layers);
    return c;
  };
  return {{{"gpt3-small", "gpt3-125m"}, size(12, 768, 12)},
          {{"gpt3-medium", "gpt3-350m"}, size(24, 1024, 16)},
          {{"gpt3-large", "gpt3-760m"}, size(24, 1536, 16)},
          {{"gpt3-xl", "gpt3-1.3b"}, size(24, 2048, 16)},
          {{"gpt3-2.7b"}, size(32, 2560, 32)},
          {{"gpt3-6.7b"}, size(32, 4096, 32)},
          {{"gpt3-13b"}, size(40, 5120, 40)},
          {{"gpt3", "gpt3-175b"}, size(96, 12288, 96)}};
}

}  // namespace

extern const Family kGpt3;
const Family kGpt3 = {.name = "gpt3",
                      .about = "GPT-3: GPT-2 with dense and local attention in turns",
                      .defaults = gpt3_defaults,
                      .hidden_of = [](std::int64_t channels) { return 4 * channels; },
                      .patterns_of = gpt3_patterns,
                      .check = require_equal_heads,
                      .build = build_gpt3,
                      .published = gpt3_sizes};

}  // namespace stemma
