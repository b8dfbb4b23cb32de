#include "train/adamw.h"

#include <cmath>

#include "kernels/adamw.h"
#include "kernels/elementwise.h"
#include "train/saved_tensors.h"

namespace stemma::train {

AdamW::AdamW(nn::Parameters& parameters, const AdamWOptions& options)
    : parameters_(parameters), options_(options) {
  const auto elements = static_cast<std::int64_t>(parameters.weights().size());
  m_ = Tensor::zeros({elements}, DType::f32);
  v_ = Tensor::zeros({elements}, DType::f32);
  plan();
}

void AdamW::plan() {
  for (const nn::Parameter& p : parameters_.list()) {
    const double decay = p.spec.decays() ? options_.weight_decay : 0;
    const double factor = options_.rate_factor ? options_.rate_factor(p.spec.name) : 1;
    const auto begin = static_cast<std::size_t>(p.offset);
    // What lies between two parameters is padding, whose gradient is 0.
    const std::size_t end = begin + static_cast<std::size_t>(p.spec.elements());
    if (!stretches_.empty() && stretches_.back().decay == decay &&
        stretches_.back().rate_factor == factor)
      stretches_.back().count = end - stretches_.back().begin;
    else
      stretches_.push_back({begin, end - begin, decay, factor});
  }
}

double AdamW::gradient_scale(double norm) const {
  return options_.clip > 0 && norm > options_.clip ? options_.clip / norm : 1;
}

double AdamW::step(Stream& stream, double lr, std::int64_t step) {
  const auto gradients = parameters_.gradients();
  const double norm = std::sqrt(kernels::sum_of_squares(stream, gradients));
  if (!std::isfinite(norm)) return norm;
  kernels::AdamWSettings settings;
  settings.beta1 = options_.beta1;
  settings.beta2 = options_.beta2;
  settings.eps = options_.eps;
  settings.step = step;
  settings.gradient_scale = gradient_scale(norm);
  const std::span<float> m(m_.data<float>(), gradients.size()),
      v(v_.data<float>(), gradients.size());
  for (const Stretch& stretch : stretches_) {
    settings.weight_decay = stretch.decay;
    settings.lr = lr * stretch.rate_factor;
    const auto of = [&](std::span<float> all) { return all.subspan(stretch.begin, stretch.count); };
    kernels::adamw(stream, settings, of(parameters_.weights()), of(gradients), of(m), of(v));
  }
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
  put_back(state, this->state());
}

}  // namespace stemma::train
