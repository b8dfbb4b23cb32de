#include "ops/context.h"

#include <gtest/gtest.h>

#include "device/cpu.h"
#include "tests/base/expect_error.h"

namespace stemma::ops {
namespace {

TEST(Numerics, AutoIsWhatTheDevicePrefers) {
  for (const KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath forced(path);
    const bool amx = path == KernelPath::amx;
    EXPECT_EQ(kernels::preferred_multiply(Device::cpu),
              amx ? kernels::Multiply::bf16 : kernels::Multiply::f32);
    const Numerics numerics = numerics_named("auto", Device::cpu);
    EXPECT_EQ(numerics.multiply, kernels::preferred_multiply(Device::cpu)) << to_string(path);
    EXPECT_EQ(numerics.activations, amx ? DType::bf16 : DType::f32) << to_string(path);
    EXPECT_EQ(numerics_named("f32", Device::cpu).multiply, kernels::Multiply::f32);
    EXPECT_EQ(numerics_named("bf16", Device::cpu).multiply, kernels::Multiply::bf16);
  }
  EXPECT_ERROR(numerics_named("f16", Device::cpu), ErrorCode::invalid_argument, "'f16'");
}

}  // namespace
}  // namespace stemma::ops
