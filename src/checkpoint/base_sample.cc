#include "checkpoint/base_sample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "device/stream.h"
#include "kernels/elementwise.h"
#include "models/model.h"
#include "models/parts.h"

namespace stemma::checkpoint {
namespace {

constexpr std::int64_t kSampledRows = 8, kSampledColumns = 8;
// Of a weight: twice what rounding to bf16 changes. A step of fine-tuning changes the smaller ones
// by more. The second is for weights below what f16 tells apart.
constexpr double kSameWithin = 1.0 / 128, kSameAnyway = 1e-7;

std::vector<nn::ParameterSpec> sampled_parameters(const ModelConfig& model) {
  std::vector<nn::ParameterSpec> list;
  for (const std::int64_t layer : {std::int64_t{0}, model.layers - 1}) {
    const std::string block = block_name(layer);
    const auto parameters = parameters_of(model);
    const auto first =
        std::find_if(parameters.begin(), parameters.end(), [&](const nn::ParameterSpec& spec) {
          return spec.shape.rank() == 2 && spec.name.starts_with(block);
        });
    if (first != parameters.end()) list.push_back(*first);
  }
  return list;
}

// Evenly spaced elements of evenly spaced rows.
std::vector<double> sample_of(const Tensor& matrix) {
  Stream stream(1);
  std::vector<double> values;
  const Tensor row = Tensor::empty({1, matrix.cols()}, DType::f32);
  for (std::int64_t i = 0; i < kSampledRows; ++i) {
    const std::int64_t at = i * matrix.rows() / kSampledRows;
    kernels::convert(stream, matrix.slice_rows(at, at + 1), row);
    stream.sync();
    for (std::int64_t j = 0; j < kSampledColumns; ++j)
      values.push_back(static_cast<double>(row.data<float>()[j * matrix.cols() / kSampledColumns]));
  }
  return values;
}

bool is_same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::abs(x - y) <= kSameAnyway + kSameWithin * std::min(std::abs(x), std::abs(y));
  });
}

}  // namespace

std::string sample_of_base(nn::WeightSource& base, const ModelConfig& model) {
  Json json = Json::object();
  for (const nn::ParameterSpec& spec : sampled_parameters(model)) {
    Json values = Json::array({});
    for (const double value : sample_of(base.load(spec).value())) values.push_back(value);
    json.set(spec.name, std::move(values));
  }
  return json.dump();
}

bool fits_base(std::string_view sample, nn::WeightSource& base, const ModelConfig& model) {
  const Json json = Json::parse(sample, kBaseSample);
  for (const nn::ParameterSpec& spec : sampled_parameters(model)) {
    const Json* said = json.is_object() ? json.find(spec.name) : nullptr;
    const std::vector<double> here = sample_of(base.load(spec).value());
    if (!said || !said->is_array() || said->as_array().size() != here.size())
      throw Error(ErrorCode::corrupt, fmt::format("[adapter] {} is no list of {} weights of {}",
                                                  kBaseSample, here.size(), spec.name));
    std::vector<double> there;
    for (const Json& value : said->as_array()) there.push_back(value.as_double());
    if (!is_same(there, here)) return false;
  }
  return true;
}

}  // namespace stemma::checkpoint
