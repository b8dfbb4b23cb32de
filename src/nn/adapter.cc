#include "nn/adapter.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace stemma::nn {
namespace {

constexpr double kAdaLoraStd = 0.02;     // as PEFT begins
constexpr double kBottleneckStd = 0.01;  // Houlsby et al. 2019, 3.6: near the identity
constexpr double kVirtualStd = 0.02;     // of a prefix or a prompt

Adapter::LowRank load_low_rank(WeightSource& source, const LowRankSpec& spec, bool adaptive) {
  const std::string name = spec.name();
  // The deviation of the uniform numbers in ±1/sqrt(in) that PEFT draws.
  const Init a =
      Init::normal(adaptive ? kAdaLoraStd : 1 / std::sqrt(3.0 * static_cast<double>(spec.in)));
  const Init b = adaptive ? Init::normal(kAdaLoraStd) : Init::zeros();
  Adapter::LowRank low_rank;
  low_rank.a = source.load({name + ".a", {spec.rank, spec.in}, a, Role::matrix, {}});
  low_rank.b = source.load({name + ".b", {spec.rows, spec.rank}, b, Role::matrix, {}});
  if (adaptive)
    low_rank.e = source.load({name + ".e", {spec.rank, 1}, Init::zeros(), Role::table, {}}).value();
  return low_rank;
}

Adapter::Bottleneck load_bottleneck(WeightSource& source, const BottleneckSpec& spec) {
  const std::string name = spec.name();
  const Init down = Init::normal(kBottleneckStd);
  Adapter::Bottleneck b;
  b.down =
      source.load({name + ".down.weight", {spec.width, spec.channels}, down, Role::matrix, {}});
  b.down_bias =
      source.load({name + ".down.bias", {spec.width}, Init::zeros(), Role::vector, {}}).value();
  b.up = source.load(
      {name + ".up.weight", {spec.channels, spec.width}, Init::zeros(), Role::matrix, {}});
  b.up_bias =
      source.load({name + ".up.bias", {spec.channels}, Init::zeros(), Role::vector, {}}).value();
  return b;
}

}  // namespace

std::string LowRankSpec::name() const {
  return fmt::format("{}{}{}{}", kAdapterPrefix, linear, part.empty() ? "" : ".", part);
}

std::string BottleneckSpec::name() const { return fmt::format("{}{}", kAdapterPrefix, linear); }

Adapter::Adapter(WeightSource& source, const AdapterSpec& spec) : spec_(spec) {
  for (const LowRankSpec& item : spec_.low_rank) {
    LowRank low_rank = load_low_rank(source, item, spec.kind == AdapterSpec::Kind::adalora);
    low_rank.spec = &item;
    of_linear_[item.linear].low_rank.push_back(std::move(low_rank));
  }
  for (const BottleneckSpec& item : spec_.bottlenecks)
    of_linear_[item.linear].bottlenecks.push_back(load_bottleneck(source, item));
  if (spec_.virtual_tokens > 0)
    virtual_tokens_ = source
                          .load({std::string(kVirtualTokens),
                                 {spec_.virtual_tokens, spec_.columns},
                                 Init::normal(kVirtualStd),
                                 Role::table,
                                 {}})
                          .value();
}

const Adapter::OfLinear* Adapter::of(std::string_view linear) const {
  const auto found = of_linear_.find(std::string(linear));
  return found == of_linear_.end() ? nullptr : &found->second;
}

bool Adapters::touches(std::string_view linear) const {
  return std::any_of(list.begin(), list.end(),
                     [&](const Adapter* adapter) { return adapter->of(linear) != nullptr; });
}

bool Adapters::has(AdapterSpec::Kind kind) const {
  return std::any_of(list.begin(), list.end(),
                     [kind](const Adapter* adapter) { return adapter->spec().kind == kind; });
}

const Adapter* Adapters::of_sequence(const Batch& batch, std::size_t b) const {
  const std::int32_t index = batch.adapters.empty() ? 0 : batch.adapters[b];
  const bool there = index >= 0 && static_cast<std::size_t>(index) < list.size();
  return there ? list[static_cast<std::size_t>(index)] : nullptr;
}

AdapterRows rows_with(const Batch& batch, std::size_t index) {
  AdapterRows found;
  if (batch.adapters.empty()) {
    found.all = index == 0;
    return found;
  }
  found.all = true;
  for (std::size_t b = 0; b < batch.adapters.size(); ++b) {
    if (batch.adapters[b] != static_cast<std::int32_t>(index)) {
      found.all = false;
      continue;
    }
    for (std::int64_t i = batch.offsets[b]; i < batch.offsets[b + 1]; ++i)
      found.rows.push_back(static_cast<std::int32_t>(i));
  }
  return found;
}

}  // namespace stemma::nn
