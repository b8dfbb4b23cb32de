// The scalar conversions of f16, against the F16C instructions (which every machine that runs
// Stemma has) and against the definition of binary16 in double.
#include "tensor/dtype.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>
#include <immintrin.h>

namespace stemma {
namespace {

__attribute__((target("f16c"))) float widened_by_hardware(std::uint16_t bits) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}
__attribute__((target("f16c"))) std::uint16_t rounded_by_hardware(float value) {
  const __m128i half = _mm_cvtps_ph(_mm_set_ss(value), _MM_FROUND_TO_NEAREST_INT);
  return static_cast<std::uint16_t>(_mm_extract_epi16(half, 0));
}

// (-1)^sign · 2^(exponent - 15) · 1.mantissa, denormals 2^-14 · 0.mantissa (IEEE 754-2019, 3.4).
double by_definition(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(F16, EveryValueIsWidenedExactlyAndComesBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const f16 half{static_cast<std::uint16_t>(bits)};
    const float wide = to_float(half);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(wide),
              std::bit_cast<std::uint32_t>(widened_by_hardware(half.bits)))
        << bits;
    if (std::isfinite(wide)) {
      ASSERT_EQ(static_cast<double>(wide), by_definition(half.bits)) << bits;
      ASSERT_EQ(std::signbit(wide), bits >= 0x8000) << bits;
    }
    // A signalling NaN comes back quiet, everything else as it was.
    ASSERT_EQ(to_f16(wide).bits, std::isnan(wide) ? half.bits | 0x200 : half.bits) << bits;
  }
}

// Every sign, exponent and 10 bits of mantissa of f32 with those lower 13 bits that decide:
// nothing, a little, just under half, half, just over half, almost everything of the last place.
TEST(F16, RoundsToNearestEvenAsTheHardwareDoes) {
  for (std::uint32_t upper = 0; upper < 1u << 19; ++upper)
    for (const std::uint32_t lower : {0u, 1u, 0xFFFu, 0x1000u, 0x1001u, 0x1FFFu}) {
      const float value = std::bit_cast<float>(upper << 13 | lower);
      ASSERT_EQ(to_f16(value).bits, rounded_by_hardware(value)) << (upper << 13 | lower);
    }
}

TEST(F16, LimitsAreThoseOfTheFormat) {
  static_assert(to_f16(1.0f / 3).bits == 0x3555 && to_float(f16{0x3555}) == 0.333251953125f);
  EXPECT_EQ(to_float(to_f16(65504.0f)), 65504.0f);
  EXPECT_EQ(to_float(to_f16(65519.99f)), 65504.0f);
  EXPECT_TRUE(std::isinf(to_float(to_f16(65520.0f))));
  EXPECT_EQ(to_float(to_f16(0x1p-24f)), 0x1p-24f);
  EXPECT_EQ(to_float(to_f16(0x1p-25f)), 0.0f);
  EXPECT_EQ(to_float(to_f16(0x1.000002p-25f)), 0x1p-24f);
  EXPECT_EQ(size_of(DType::f16), 2u);
  EXPECT_EQ(to_string(DType::f16), "f16");
}

}  // namespace
}  // namespace stemma
