// Where a model's parameters come from: fresh, a checkpoint or an import. A model asks for every
// parameter by its global name and shape when it is built; names and shapes do not depend on how
// the model is run.
#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::nn {

// How a fresh parameter starts.
struct Init {
  enum class Kind : std::uint8_t { zeros, ones, normal } kind = Kind::zeros;
  double stddev = 0;  // normal: N(0, stddev²)

  static Init zeros() { return {}; }
  static Init ones() { return {Kind::ones, 0}; }
  static Init normal(double stddev) { return {Kind::normal, stddev}; }
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // A parameter matrix [out, in]. Throws not_found / corrupt when a file lacks it or has another
  // shape.
  virtual Weight matrix(std::string_view name, std::int64_t out, std::int64_t in, Init init) = 0;
  // A matrix that is read by rows only and never multiplied (position embeddings), always in rows.
  virtual Tensor table(std::string_view name, std::int64_t rows, std::int64_t columns, Init init) {
    return matrix(name, rows, columns, init).value();
  }
  // A parameter vector [size], f32.
  virtual Tensor vector(std::string_view name, std::int64_t size, Init init) = 0;
};

}  // namespace stemma::nn
