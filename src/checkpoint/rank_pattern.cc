#include "checkpoint/rank_pattern.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/adapter_targets.h"

namespace stemma::checkpoint {
namespace {

Tensor chosen_rows(const Tensor& from, const std::vector<bool>& kept) {
  const std::int64_t columns = from.cols();
  const Tensor to =
      Tensor::empty({std::count(kept.begin(), kept.end(), true), columns}, DType::f32);
  float* place = to.data<float>();
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i])
      place =
          std::copy_n(from.data<float>() + static_cast<std::int64_t>(i) * columns, columns, place);
  return to;
}

Tensor chosen_columns(const Tensor& from, const std::vector<bool>& kept) {
  const Tensor to =
      Tensor::empty({from.rows(), std::count(kept.begin(), kept.end(), true)}, DType::f32);
  float* place = to.data<float>();
  for (std::int64_t i = 0; i < from.rows(); ++i)
    for (std::size_t j = 0; j < kept.size(); ++j)
      if (kept[j]) *place++ = from.data<float>()[i * from.cols() + static_cast<std::int64_t>(j)];
  return to;
}

}  // namespace

NamedTensor with_kept_ranks(const NamedTensor& item, const KeptRanks& kept) {
  const std::size_t dot = item.name.rfind('.');
  const auto found = kept.find(item.name.substr(0, dot));
  if (found == kept.end()) return item;
  const bool columns = item.name.ends_with(".b");
  const std::int64_t ranks = columns ? item.tensor.cols() : item.tensor.rows();
  if (ranks != std::ssize(found->second))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[adapter] {} has {} ranks, {} flags say which are kept",
                            in_quotes(item.name), ranks, found->second.size()));
  return {item.name, columns ? chosen_columns(item.tensor, found->second)
                             : chosen_rows(item.tensor, found->second)};
}

Json rank_pattern(const ModelConfig& model, const KeptRanks& kept) {
  Json pattern = Json::object();
  for (const AdapterUnit& unit : adapter_units(model)) {
    const auto found = kept.find(nn::LowRankSpec{unit.linear, unit.part, 0, 0, 0, 0, 1}.name());
    if (found == kept.end()) continue;
    Json flags = Json::array({});
    for (const bool flag : found->second) flags.push_back(flag);
    pattern.set(unit.module + ".lora_E", std::move(flags));
  }
  return pattern;
}

}  // namespace stemma::checkpoint
