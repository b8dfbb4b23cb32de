#include "nn/feed_forward.h"

#include "nn/residual.h"

namespace stemma::nn {

FeedForward::FeedForward(WeightSource& source, const std::string& name, std::int64_t layer,
                         const FeedForwardOptions& options)
    : layer_(layer),
      options_(options),
      up_(source, name + ".up", {.out = options.hidden, .in = options.channels, .parts = {}},
          options.weight),
      down_(source, name + ".down", {.out = options.channels, .in = options.hidden, .parts = {}},
            options.down_weight) {}

Tensor FeedForward::operator()(const Pass& pass, const Tensor& x, const Tensor& residual) const {
  const Tensor hidden =
      up_(pass, x, {.activation = options_.activation, .residual = {}, .stream = false});
  return add_to_stream(pass, down_, hidden, residual, options_.dropout,
                       site_of(layer_, DropoutSite::feed_forward_out));
}

GatedFeedForward::GatedFeedForward(WeightSource& source, const std::string& name,
                                   std::int64_t layer, const GatedFeedForwardOptions& options)
    : layer_(layer),
      options_(options),
      gate_up_(source, name + ".gate_up",
               {.out = 2 * options.hidden,
                .in = options.channels,
                .bias = false,
                .parts = {{"gate", options.hidden, options.hidden},
                          {"up", options.hidden, options.hidden}}},
               options.weight),
      down_(source, name + ".down",
            {.out = options.channels, .in = options.hidden, .bias = false, .parts = {}},
            options.down_weight) {}

Tensor GatedFeedForward::operator()(const Pass& pass, const Tensor& x,
                                    const Tensor& residual) const {
  const Tensor hidden = ops::gated(pass.ctx, gate_up_(pass, x), options_.gate);
  return add_to_stream(pass, down_, hidden, residual, options_.dropout,
                       site_of(layer_, DropoutSite::feed_forward_out));
}

}  // namespace stemma::nn
