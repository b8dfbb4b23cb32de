#include "models/config.h"

#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "models/family.h"

namespace stemma {
namespace {

// Far above anything published; keeps products of sizes inside 64 bits.
constexpr std::int64_t kLargest = std::int64_t{1} << 24;
constexpr std::int64_t kMostLayers = 1 << 14;
constexpr std::int64_t kLargestHead = 256;

void require_size(const char* field, std::int64_t value, std::int64_t most = kLargest) {
  if (value >= 1 && value <= most) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[config] {} must be between 1 and {}, got {}", field, most, value));
}

void require_rate(const char* field, double value) {
  if (value >= 0 && value < 1) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[config] {} must be at least 0 and below 1, got {}", field, value));
}

void check_heads(const ModelConfig& c) {
  if (c.head_width == 0 && c.channels % c.heads != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] channels ({}) must be a multiple of heads ({})", c.channels,
                            c.heads));
  if (c.head_size() < 1 || c.head_size() > kLargestHead)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] head size {} (channels / heads) is above {}: use more heads",
                            c.head_size(), kLargestHead));
  if (c.groups() < 1 || c.heads % c.groups() != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] heads ({}) must be a multiple of kv_heads ({})", c.heads,
                            c.kv_heads));
}

void check_total(const ModelConfig& c) {
  const auto width = static_cast<double>(c.channels);
  const double most =
      width * static_cast<double>(c.layers) *
          (4.0 * static_cast<double>(c.attention_width()) + 3.0 * static_cast<double>(c.hidden)) +
      2.0 * width * static_cast<double>(c.vocab + c.context);
  if (most > 0x1p50)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[config] layers ({}), channels ({}) and hidden ({}) make {:.1e} parameters: "
                    "use smaller ones",
                    c.layers, c.channels, c.hidden, most));
}

void check_task_heads(const ModelConfig& c) {
  std::set<std::string> names;
  for (const TaskHeadConfig& head : c.task_heads) {
    require_size("the outputs of a task's head", head.outputs);
    if (head.input == HeadInput::pooler && !c.pooler)
      throw Error(ErrorCode::invalid_argument,
                  "[config] a task's head reads the pooler, which this model does not have: let it "
                  "read the first token or the mean");
    if (!names.insert(head.parameter()).second)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[config] two heads are called {}: name each of several heads",
                              head.parameter()));
  }
}

void check_family(const ModelConfig& c) {
  const Family& family = family_named(c.family);
  if (c.head_bias && c.tied_head && !family.tied_head_may_have_bias)
    throw Error(ErrorCode::invalid_argument, "[config] a head bias needs an untied head");
  const ModelConfig defaults = family.defaults();
  if (c.causal != defaults.causal)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] family {} has causal = {}", c.family, defaults.causal));
  if (c.segments < 0 || c.segments > kLargest || (c.segments > 0 && defaults.segments == 0))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] family {} has no {} segments", c.family, c.segments));
  const bool headless = !c.token_head && c.task_heads.empty();
  if ((headless || c.pooler || c.pair_head) && !defaults.pooler)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] family {} has a token head and no other", c.family));
  family.check(c);
}

}  // namespace

std::string TaskHeadConfig::parameter() const {
  const std::string kind = input == HeadInput::tokens ? "tag_head" : "class_head";
  return name.empty() ? kind : fmt::format("{}.{}", kind, name);
}

void ModelConfig::validate() const {
  require_size("vocab", vocab);
  require_size("context", context);
  require_size("channels", channels);
  require_size("heads", heads);
  require_size("layers", layers, kMostLayers);
  require_size("hidden", hidden);
  check_heads(*this);
  check_total(*this);
  if (!(norm_eps > 0 && norm_eps < 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] norm_eps must be between 0 and 1, got {}", norm_eps));
  if (!patterns.empty() && static_cast<std::int64_t>(patterns.size()) != layers)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] there are attention patterns for {} layers, the model has {}",
                            patterns.size(), layers));
  for (const kernels::AttentionPattern& pattern : patterns)
    require_size("the k of an attention pattern", pattern.k);
  if (!(rotary_base >= 1 && rotary_base <= 1e12))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[config] rotary_base must be between 1 and 1e12, got {}", rotary_base));
  require_rate("embedding_dropout", embedding_dropout);
  require_rate("attention_dropout", attention_dropout);
  require_rate("residual_dropout", residual_dropout);
  check_task_heads(*this);
  check_family(*this);
}

}  // namespace stemma
