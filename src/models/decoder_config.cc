#include "models/decoder_config.h"

#include <array>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "device/memory.h"

namespace stemma {
namespace {

// Far above anything published; keeps products of sizes inside 64 bits.
constexpr std::int64_t kLargest = std::int64_t{1} << 24;
constexpr std::int64_t kLargestHead = 256;

void require_size(const char* field, std::int64_t value) {
  if (value >= 1 && value <= kLargest) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[config] {} must be between 1 and {}, got {}", field, kLargest, value));
}

void require_rate(const char* field, double value) {
  if (value >= 0 && value < 1) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[config] {} must be at least 0 and below 1, got {}", field, value));
}

struct Published {
  std::array<const char*, 4> names;
  std::int64_t layers, channels, heads;
};

// Radford et al. 2019, table 2; the second name is the paper's count of parameters.
constexpr std::array<Published, 4> kGpt2{{
    {{"gpt2", "gpt2-124m", "gpt2-117m", "gpt2-small"}, 12, 768, 12},
    {{"gpt2-355m", "gpt2-345m", "gpt2-medium", ""}, 24, 1024, 16},
    {{"gpt2-774m", "gpt2-762m", "gpt2-large", ""}, 36, 1280, 20},
    {{"gpt2-1558m", "gpt2-1542m", "gpt2-xl", ""}, 48, 1600, 25},
}};

DecoderConfig gpt1() {
  DecoderConfig c;
  c.vocab = 40478;
  c.context = 512;
  c.channels = 768;
  c.heads = 12;
  c.layers = 12;
  c.hidden = 3072;
  c.norm = DecoderConfig::NormPlacement::post;
  c.embedding_dropout = c.attention_dropout = c.residual_dropout = 0.1;
  c.scaled_residual = false;
  return c;
}

DecoderConfig gpt2(const Published& size) {
  DecoderConfig c;
  c.vocab = 50257;
  c.context = 1024;
  c.channels = size.channels;
  c.heads = size.heads;
  c.layers = size.layers;
  c.hidden = 4 * size.channels;
  return c;
}

}  // namespace

std::int64_t DecoderConfig::parameters() const {
  const std::int64_t c = channels, f = hidden;
  const std::int64_t block =
      2 * 2 * c + (3 * c * c + 3 * c) + (c * c + c) + (c * f + f) + (f * c + c);
  return vocab * c + position_parameters() + layers * block +
         (norm == NormPlacement::pre ? 2 * c : 0) + (tied_head ? 0 : vocab * c) +
         (head_bias ? vocab : 0);
}

double DecoderConfig::training_flop_per_token(std::int64_t sequence) const {
  return 6.0 * static_cast<double>(parameters() - position_parameters()) +
         6.0 * static_cast<double>(layers) * static_cast<double>(sequence) *
             static_cast<double>(channels);
}

void DecoderConfig::validate() const {
  require_size("vocab", vocab);
  require_size("context", context);
  require_size("channels", channels);
  require_size("heads", heads);
  require_size("layers", layers);
  require_size("hidden", hidden);
  if (channels % heads != 0)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[config] channels ({}) must be a multiple of heads ({})", channels, heads));
  if (head_size() > kLargestHead)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] head size {} (channels / heads) is above {}: use more heads",
                            head_size(), kLargestHead));
  const double most =
      static_cast<double>(channels) * static_cast<double>(layers) *
          (4.0 * static_cast<double>(channels) + 2.0 * static_cast<double>(hidden)) +
      2.0 * static_cast<double>(channels) * static_cast<double>(vocab + context);
  if (most > 0x1p50)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[config] layers ({}), channels ({}) and hidden ({}) make {:.1e} parameters: "
                    "use smaller ones",
                    layers, channels, hidden, most));
  if (!(norm_eps > 0 && norm_eps < 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] norm_eps must be between 0 and 1, got {}", norm_eps));
  if (head_bias && tied_head)
    throw Error(ErrorCode::invalid_argument, "[config] a head bias needs an untied head");
  require_rate("embedding_dropout", embedding_dropout);
  require_rate("attention_dropout", attention_dropout);
  require_rate("residual_dropout", residual_dropout);
}

void DecoderConfig::require_memory(double bytes_per_parameter) const {
  const double needed = bytes_per_parameter * static_cast<double>(parameters());
  const std::uint64_t available = available_memory_bytes();
  if (needed <= static_cast<double>(available)) return;
  throw Error(
      ErrorCode::out_of_memory,
      fmt::format("[model] {} parameters need {} at least, and {} of memory is free: use a smaller "
                  "model",
                  format_count(static_cast<double>(parameters())),
                  format_bytes(static_cast<std::uint64_t>(needed)), format_bytes(available)));
}

DecoderConfig published_config(std::string_view name) {
  if (name == "gpt1" || name == "gpt1-117m" || name == "openai-gpt") return gpt1();
  std::string known = "gpt1";
  for (const Published& size : kGpt2) {
    for (const char* candidate : size.names) {
      if (!*candidate) continue;
      if (name == candidate) return gpt2(size);
      known += fmt::format(", {}", candidate);
    }
  }
  throw Error(
      ErrorCode::not_found,
      fmt::format("[config] no published model is called '{}': use one of {}", name, known));
}

}  // namespace stemma
