#include "checkpoint/adapter_targets.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "checkpoint/import_rules.h"
#include "models/model.h"

namespace stemma::checkpoint {
namespace {

constexpr std::string_view kWeight = ".weight";

std::string last_word(const std::string& name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

std::vector<AdapterUnit> adapter_units(const ModelConfig& config) {
  std::vector<AdapterUnit> units;
  const ImportRules& rules = rules_of(config.family);
  for (const nn::ParameterSpec& spec : parameters_of(config)) {
    if (spec.role != nn::Role::matrix || !spec.name.starts_with("blocks.")) continue;
    const std::string linear = spec.name.substr(0, spec.name.size() - kWeight.size());
    const std::vector<FileTensor> files = rules.files(spec);
    std::int64_t row = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::int64_t rows = files[i].shape[files[i].transposed ? 1 : 0];
      const std::string module = files[i].name.substr(0, files[i].name.size() - kWeight.size());
      units.push_back({linear, files.size() > 1 ? spec.parts[i].name : "", row, rows, spec.shape[1],
                       module, files[i].transposed});
      row += rows;
    }
  }
  return units;
}

bool is_target(const AdapterUnit& unit, const std::string& word) {
  return word == "all" || (!unit.part.empty() && word == unit.part) ||
         word == last_word(unit.linear) || unit.linear.find("." + word + ".") != std::string::npos;
}

std::vector<AdapterUnit> units_named(const ModelConfig& config,
                                     const std::vector<std::string>& words) {
  const std::vector<AdapterUnit> all = adapter_units(config);
  std::vector<std::string> wanted = words;
  if (wanted.empty() || wanted == std::vector<std::string>{"auto"}) {
    const bool parts =
        std::any_of(all.begin(), all.end(), [](const AdapterUnit& u) { return u.part == "q"; });
    wanted = parts ? std::vector<std::string>{"q", "v"} : std::vector<std::string>{"qkv"};
  }
  std::set<std::string> known{"all", "attention", "feed_forward"};
  for (const AdapterUnit& unit : all) {
    if (!unit.part.empty()) known.insert(unit.part);
    known.insert(last_word(unit.linear));
  }
  for (const std::string& word : wanted)
    if (!known.contains(word))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[adapter] '{}' is no matrix of a {} model: targets are {}", word,
                              config.family, fmt::join(known, ", ")));
  std::vector<AdapterUnit> units;
  for (const AdapterUnit& unit : all)
    if (std::any_of(wanted.begin(), wanted.end(),
                    [&](const std::string& word) { return is_target(unit, word); }))
      units.push_back(unit);
  return units;
}

double low_rank_scale(double alpha, std::int64_t rank, bool rank_stabilised, bool adaptive) {
  if (adaptive) return alpha / (static_cast<double>(rank) + 1e-5);
  return rank_stabilised ? alpha / std::sqrt(static_cast<double>(rank))
                         : alpha / static_cast<double>(rank);
}

nn::AdapterSpec low_rank_spec(const std::vector<AdapterUnit>& units,
                              const LowRankOptions& options) {
  nn::AdapterSpec spec;
  spec.kind = options.adaptive ? nn::AdapterSpec::Kind::adalora : nn::AdapterSpec::Kind::lora;
  spec.dropout = static_cast<float>(options.dropout);
  for (const AdapterUnit& unit : units) {
    if (options.rank < 1 || options.rank > std::min(unit.rows, unit.in))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[adapter] the rank must be between 1 and {}, the smaller side of {}, "
                      "got {}",
                      std::min(unit.rows, unit.in), unit.module, options.rank));
    spec.low_rank.push_back(
        {unit.linear, unit.part, unit.first_row, unit.rows, unit.in, options.rank,
         low_rank_scale(options.alpha, options.rank, options.rank_stabilised, options.adaptive)});
  }
  return spec;
}

nn::AdapterSpec bottleneck_spec(const ModelConfig& config, std::int64_t width) {
  nn::AdapterSpec spec;
  spec.kind = nn::AdapterSpec::Kind::bottleneck;
  spec.activation = kernels::Activation::gelu_tanh;
  for (const AdapterUnit& unit : adapter_units(config))
    if (const std::string word = last_word(unit.linear); word == "out" || word == "down")
      spec.bottlenecks.push_back({unit.linear, unit.rows, width});
  return spec;
}

nn::AdapterSpec virtual_token_spec(const ModelConfig& config, nn::AdapterSpec::Kind kind,
                                   std::int64_t virtual_tokens) {
  if (virtual_tokens < 1 || virtual_tokens >= config.context)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[adapter] virtual_tokens must be between 1 and {}, which leaves one "
                            "position of the model's context, got {}",
                            config.context - 1, virtual_tokens));
  nn::AdapterSpec spec;
  spec.kind = kind;
  spec.virtual_tokens = virtual_tokens;
  spec.columns = kind == nn::AdapterSpec::Kind::prompt
                     ? config.channels
                     : 2 * config.layers * config.groups() * config.head_size();
  return spec;
}

}  // namespace stemma::checkpoint
