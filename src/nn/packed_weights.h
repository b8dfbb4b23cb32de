// Weights as inference reads them: matrices packed into panels, stored in f32, bf16 or f16.
#pragma once

#include <string_view>

#include "device/slabs.h"
#include "device/stream.h"
#include "nn/weight_source.h"

namespace stemma::nn {

// How weights lie in memory. The products' own type is another decision (ops::Numerics).
// Throws invalid_argument for a name other than f32, bf16 and f16.
DType weight_storage_named(std::string_view name);

class PackedWeights final : public WeightSource {
 public:
  // Packs what `from` gives, on `stream`; both must outlive the source.
  PackedWeights(WeightSource& from, Stream& stream, DType storage)
      : from_(from), stream_(stream), storage_(storage) {}

  // Matrices in panels of the storage type; tables and vectors as they come. All of it in memory of
  // its own, so that the file it comes from may change.
  Weight load(const ParameterSpec& spec) override;

 private:
  WeightSource& from_;
  Stream& stream_;
  DType storage_;
  Slabs slabs_;
};

}  // namespace stemma::nn
