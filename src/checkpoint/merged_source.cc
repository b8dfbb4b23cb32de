#include "checkpoint/merged_source.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/elementwise.h"
#include "kernels/matmul.h"
#include "kernels/scale_columns.h"

namespace stemma::checkpoint {
namespace {

// W[rows] += scale · B diag(E) A
void merge_into(Stream& stream, const Tensor& weight, const nn::Adapter::LowRank& low_rank) {
  const nn::LowRankSpec& spec = *low_rank.spec;
  Tensor b = low_rank.b.value();
  if (low_rank.e) {
    const Tensor scaled = Tensor::empty(b.shape(), DType::f32);
    kernels::scale_columns(stream, b, low_rank.e, {scaled});
    b = scaled;
  }
  kernels::MatmulArgs args;
  set_output(args, weight.slice_rows(spec.first_row, spec.first_row + spec.rows), true);
  args.k = spec.rank;
  args.a = kernels::rows_of(b);
  args.b = kernels::rows_of(low_rank.a.value());
  args.scale = static_cast<float>(spec.scale);
  kernels::matmul(stream, args);
}

}  // namespace

MergedSource::MergedSource(nn::WeightSource& base, AdapterFolder& adapter)
    : base_(base), folder_(adapter), adapter_(adapter, adapter.spec()) {
  using Kind = nn::AdapterSpec::Kind;
  const Kind kind = adapter.spec().kind;
  if (kind == Kind::prefix || kind == Kind::prompt)
    throw Error(ErrorCode::unsupported,
                "[adapter] a prefix or a prompt is no change of weights and cannot be merged into "
                "them: use the adapter beside its model");
  if (kind == Kind::bottleneck)
    throw Error(ErrorCode::unsupported,
                "[adapter] bottleneck adapters are layers of their own and cannot be merged into "
                "the weights: use the adapter beside its model");
}

Weight MergedSource::load(const nn::ParameterSpec& spec) {
  const auto& heads = folder_.replaced();
  if (std::find(heads.begin(), heads.end(), spec.name) != heads.end()) return folder_.load(spec);
  Weight weight = base_.load(spec);
  const std::string linear = spec.name.substr(0, spec.name.rfind('.'));
  const nn::Adapter::OfLinear* mine =
      spec.name.ends_with(".weight") ? adapter_.of(linear) : nullptr;
  if (!mine) return weight;
  Stream stream(1);
  const Tensor merged = Tensor::empty(spec.shape, DType::f32);
  kernels::convert(stream, weight.value(), merged);
  for (const nn::Adapter::LowRank& low_rank : mine->low_rank) merge_into(stream, merged, low_rank);
  stream.sync();
  return Weight(merged);
}

}  // namespace stemma::checkpoint
