#include "train/adamw.h"

#include <cmath>
#include <cstring>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/adamw.h"
#include "kernels/elementwise.h"

namespace stemma::train {

AdamW::AdamW(nn::Parameters& parameters, const AdamWOptions& options)
    : parameters_(parameters), options_(options) {
  const auto elements = static_cast<std::int64_t>(parameters.weights().size());
  m_ = Tensor::zeros({elements}, DType::f32);
  v_ = Tensor::zeros({elements}, DType::f32);
}

double AdamW::step(Stream& stream, double lr, std::int64_t step) {
  const auto gradients = parameters_.gradients();
  const double norm = std::sqrt(kernels::sum_of_squares(stream, gradients));
  if (!std::isfinite(norm)) return norm;
  kernels::AdamWSettings settings;
  settings.lr = lr;
  settings.beta1 = options_.beta1;
  settings.beta2 = options_.beta2;
  settings.eps = options_.eps;
  settings.step = step;
  if (options_.clip > 0 && norm > options_.clip) settings.gradient_scale = options_.clip / norm;
  const std::span<float> m(m_.data<float>(), gradients.size()),
      v(v_.data<float>(), gradients.size());
  const auto decaying = static_cast<std::size_t>(parameters_.decaying_elements());
  const auto update = [&](std::size_t begin, std::size_t count, double decay) {
    settings.weight_decay = decay;
    kernels::adamw(stream, settings, parameters_.weights().subspan(begin, count),
                   gradients.subspan(begin, count), m.subspan(begin, count),
                   v.subspan(begin, count));
  };
  update(0, decaying, options_.weight_decay);
  update(decaying, gradients.size() - decaying, 0);
  return norm;
}

std::vector<checkpoint::NamedTensor> AdamW::state() const {
  std::vector<checkpoint::NamedTensor> list;
  for (const auto& [prefix, moments] : {std::pair{"m.", &m_}, std::pair{"v.", &v_}})
    for (const nn::Parameter& p : parameters_.list())
      list.push_back(
          {prefix + p.spec.name,
           Tensor::in(moments->storage(), static_cast<std::size_t>(p.offset) * sizeof(float),
                      p.value.shape(), DType::f32)});
  return list;
}

void AdamW::restore(const std::vector<checkpoint::NamedTensor>& state) {
  std::unordered_map<std::string, Tensor> saved;
  for (const auto& item : state) saved.emplace(item.name, item.tensor);
  for (const auto& [name, tensor, transposed] : this->state()) {
    const auto found = saved.find(name);
    if (found == saved.end() || found->second.shape() != tensor.shape())
      throw Error(
          ErrorCode::corrupt,
          fmt::format("[resume] the checkpoint's optimizer state has no '{}' of shape {}: it "
                      "belongs to another model",
                      name, tensor.shape().to_string()));
    std::memcpy(tensor.raw(), found->second.raw(),
                static_cast<std::size_t>(tensor.elements()) * sizeof(float));
  }
}

}  // namespace stemma::train
