// A model whose low-rank adapter has become a part of its weights: W + scale · B diag(E) A.
//
//   MergedSource source(*base.source, adapter);
//   auto model = build_model(config_with_head, source);
#pragma once

#include "checkpoint/adapter_folder.h"
#include "nn/weight_source.h"

namespace stemma::checkpoint {

class MergedSource final : public nn::WeightSource {
 public:
  // Both must outlive this. Throws unsupported for an adapter that is no change of weights
  // (bottlenecks, a prefix, a prompt).
  MergedSource(nn::WeightSource& base, AdapterFolder& adapter);

  // Changed matrices in f32, everything else as it is stored.
  Weight load(const nn::ParameterSpec& spec) override;

 private:
  nn::WeightSource& base_;
  AdapterFolder& folder_;
  nn::Adapter adapter_;
};

}  // namespace stemma::checkpoint
