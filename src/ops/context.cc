#include "ops/context.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::ops {

Numerics numerics_named(std::string_view precision, Device device) {
  if (precision == "f32") return Numerics::f32();
  if (precision == "bf16") return Numerics::bf16();
  if (precision == "auto")
    return kernels::preferred_multiply(device) == kernels::Multiply::bf16 ? Numerics::bf16()
                                                                          : Numerics::f32();
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[precision] must be auto, f32 or bf16, got '{}'", precision));
}

void inference_only(const Context& ctx, std::string_view operation, const Tensor& input) {
  if (ctx.recording(input))
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] has no gradient: it works in inference only", operation));
}

}  // namespace stemma::ops
