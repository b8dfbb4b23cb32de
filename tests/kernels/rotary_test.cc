#include "kernels/rotary.h"

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

const std::vector<std::int32_t> kPositions = {0, 1, 7, 300, 4096};

RotarySpec spec_of(std::int64_t head_size, std::int64_t heads, RotaryPairing pairing) {
  RotarySpec spec;
  spec.head_size = head_size;
  spec.rotated_heads = heads;
  spec.pairing = pairing;
  return spec;
}

// inv_freq of LlamaRotaryEmbedding (transformers 5.23, PyTorch 2.15), to the bit.
TEST(Rotary, FrequenciesAreThoseOfTransformers) {
  const std::vector<float> small = {0x1p+0f, 0x1.99999ap-4f, 0x1.47ae14p-7f, 0x1.0624dep-10f};
  EXPECT_EQ(rotary_frequencies(10000, 8), small);
  const std::vector<float> smol = rotary_frequencies(100000, 64);
  ASSERT_EQ(smol.size(), 32u);
  EXPECT_EQ(smol[0], 1.0f);
  EXPECT_EQ(smol[1], 0x1.654a0cp-1f);
  EXPECT_EQ(smol[5], 0x1.52e812p-3f);
  EXPECT_EQ(smol[16], 0x1.9e7c70p-9f);
  EXPECT_EQ(smol[31], 0x1.e0d6dap-17f);
  const std::vector<float> llama3 = rotary_frequencies(500000, 128);
  ASSERT_EQ(llama3.size(), 64u);
  EXPECT_EQ(llama3[1], 0x1.a11582p-1f);
  EXPECT_EQ(llama3[5], 0x1.6f56fap-2f);
  EXPECT_EQ(llama3[32], 0x1.72ba42p-10f);
  EXPECT_EQ(llama3[63], 0x1.4985fep-19f);
}

// torch.cos and torch.sin of f32 angles at positions 3, 4097 and 131,071, pairs 0, 1, 5, D/4, D/2-1
// (PyTorch 2.15): at the last position one unit of an f32 angle is 0.008.
TEST(Rotary, TableIsPyTorchsUpToLongContexts) {
  const struct {
    std::int64_t head_size;
    double base;
    std::vector<double> cos, sin;
  } cases[] = {{64,
                100000,
                {-0.989992499, -0.499217302, 0.879281282, 0.999954998, 1, 0.934771955, 0.98684144,
                 0.822219014, 0.925105929, 0.998277009, -0.817983508, 0.520768106, 0.956545293,
                 0.978586078, -0.302646101},
                {0.141120002, 0.866476834, 0.476302803, 0.00948669109, 4.29903812e-05, 0.355248332,
                 0.161691025, -0.56917125, 0.379709154, 0.0586768091, -0.575241685, 0.853698194,
                 0.291583747, -0.205838144, 0.953103006}},
               {128,
                500000,
                {-0.989992499, -0.766295552, 0.474684566, 0.999991, 1, 0.934771955, 0.439801872,
                 0.853782535, 0.882731259, 0.999949396, -0.817983508, -0.817231834, -0.463956505,
                 -0.999964714, 0.948668361},
                {0.141120002, 0.642488241, 0.880155981, 0.00424262788, 7.36542188e-06, 0.355248332,
                 0.898094833, -0.520629823, -0.469878137, 0.0100585418, -0.575241685, 0.576309025,
                 0.885857999, -0.00839906186, 0.316272557}}};
  for (const auto& test : cases) {
    RotarySpec spec = spec_of(test.head_size, 1, RotaryPairing::halves);
    spec.base = test.base;
    const RotaryTable table(spec, 131072);
    EXPECT_EQ(table.positions(), 131072);
    const std::int64_t pairs[] = {0, 1, 5, test.head_size / 4, test.head_size / 2 - 1};
    const std::int64_t positions[] = {3, 4097, 131071};
    for (std::size_t p = 0; p < 3; ++p)
      for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_NEAR(get(table.cos(), positions[p], pairs[i]), test.cos[5 * p + i], 1.2e-7);
        EXPECT_NEAR(get(table.sin(), positions[p], pairs[i]), test.sin[5 * p + i], 1.2e-7);
      }
  }
}

// apply_rotary_pos_emb of transformers 5.23 on two query heads and one key head of 8, at positions
// 0, 1, 77 and 131,071: q[t, h, d] = sin(0.37 (16 t + 8 h + d)), k[t, d] = cos(0.91 (8 t + d)).
TEST(Rotary, MatchesTransformers) {
  const std::vector<std::int32_t> positions = {0, 1, 77, 131071};
  const std::vector<double> q = {0,
                                 0.361615449,
                                 0.674287915,
                                 0.895698667,
                                 0.995880842,
                                 0.96127522,
                                 0.796565473,
                                 0.524044216,
                                 0.180596232,
                                 -0.187294587,
                                 -0.529836178,
                                 -0.800666869,
                                 -0.963130951,
                                 -0.995239854,
                                 -0.892647564,
                                 -0.6692397,
                                 -0.948181093,
                                 -0.0927010179,
                                 0.358348399,
                                 0.678512037,
                                 0.186638623,
                                 0.992177725,
                                 0.963006258,
                                 0.79310596,
                                 0.95715785,
                                 0.269354224,
                                 -0.184029192,
                                 -0.534713387,
                                 0.00127571821,
                                 -0.942761362,
                                 -0.996442676,
                                 -0.890090287,
                                 -0.663388848,
                                 -0.944515884,
                                 -0.684279263,
                                 0.299529999,
                                 -0.685037851,
                                 -0.206454083,
                                 0.725261867,
                                 0.983384609,
                                 0.516670346,
                                 0.877775192,
                                 0.792976141,
                                 -0.123621829,
                                 0.804641962,
                                 0.382283449,
                                 -0.577634037,
                                 -1.00631046,
                                 0.94401443,
                                 -0.86611557,
                                 0.828108668,
                                 0.779305279,
                                 0.198582858,
                                 0.399058282,
                                 -0.49983269,
                                 0.623024821,
                                 -0.900803328,
                                 0.930158675,
                                 -0.900373936,
                                 -0.641125858,
                                 -0.380010605,
                                 -0.220910758,
                                 0.326267511,
                                 -0.74334228};
  const std::vector<double> k = {1,
                                 0.613745749,
                                 -0.246632367,
                                 -0.916484833,
                                 -0.878344953,
                                 -0.161676034,
                                 0.679888844,
                                 0.99623394,
                                 0.356906176,
                                 -0.402051628,
                                 -0.957523823,
                                 -0.834057033,
                                 0.416107595,
                                 0.704291224,
                                 0.97543782,
                                 0.467289984,
                                 -0.783260345,
                                 -1.10389447,
                                 -0.833117664,
                                 0.0487366691,
                                 -0.434816182,
                                 -0.812120736,
                                 -0.264963597,
                                 -0.485559762,
                                 1.34956217,
                                 -0.788190246,
                                 -0.423966587,
                                 -0.224952698,
                                 -0.200473666,
                                 0.0203981996,
                                 0.381268919,
                                 -1.28865647};
  const RotaryTable table(spec_of(8, 3, RotaryPairing::halves), 131072);
  on_every_path([&] {
    Stream stream(1);
    const Tensor x = Tensor::zeros({4, 32}, DType::f32);
    for (std::int64_t t = 0; t < 4; ++t)
      for (std::int64_t c = 0; c < 16; ++c) {
        set(x, t, c, std::sin(0.37 * static_cast<double>(16 * t + c)));
        set(x, t, 16 + c, c < 8 ? std::cos(0.91 * static_cast<double>(8 * t + c)) : 5.0);
      }
    rotate(stream, table, positions, x);
    for (std::int64_t t = 0; t < 4; ++t)
      for (std::int64_t c = 0; c < 32; ++c) {
        double wanted = 5;
        if (c < 16)
          wanted = q[static_cast<std::size_t>(16 * t + c)];
        else if (c < 24)
          wanted = k[static_cast<std::size_t>(8 * t + c - 16)];
        EXPECT_NEAR(get(x, t, c), wanted, 2e-6) << t << " " << c;  // the input's angle is f32 there
      }
  });
}

// Complex multiplication in double, all pairings, types and odd widths; columns behind the rotated
// heads and gaps stay.
TEST(Rotary, RotatesPairsOnEveryPath) {
  const std::int64_t rows = static_cast<std::int64_t>(kPositions.size());
  for (const RotaryPairing pairing : {RotaryPairing::halves, RotaryPairing::neighbours})
    for (const std::int64_t head_size : {2, 6, 8, 34, 64, 80, 128}) {
      const std::int64_t half = head_size / 2;
      const RotaryTable table(spec_of(head_size, 3, pairing), 4097);
      on_every_path([&] {
        Stream stream(2);
        for (const DType type : {DType::f32, DType::bf16, DType::f64}) {
          const std::int64_t cols = 4 * head_size;
          const Tensor x = random_matrix(rows, cols, type, 1, 3),
                       before = random_matrix(rows, cols, type, 1);
          rotate(stream, table, kPositions, x);
          EXPECT_TRUE(gap_untouched(x, 3));
          const double unit = type == DType::f64 ? 1e-15 : type == DType::f32 ? 3e-7 : 4e-3;
          for (std::int64_t r = 0; r < rows; ++r) {
            for (std::int64_t h = 0; h < 3; ++h)
              for (std::int64_t i = 0; i < half; ++i) {
                const bool halves = pairing == RotaryPairing::halves;
                const std::int64_t first = h * head_size + (halves ? i : 2 * i),
                                   second = first + (halves ? half : 1);
                const std::int64_t p = kPositions[static_cast<std::size_t>(r)];
                const double c = get(table.cos(), p, i), s = get(table.sin(), p, i);
                const double a = get(before, r, first), b = get(before, r, second);
                ASSERT_NEAR(get(x, r, first), a * c - b * s, unit * (std::abs(a) + std::abs(b)));
                ASSERT_NEAR(get(x, r, second), b * c + a * s, unit * (std::abs(a) + std::abs(b)));
              }
            for (std::int64_t c = 3 * head_size; c < cols; ++c)
              ASSERT_EQ(get(x, r, c), get(before, r, c));
          }
        }
      });
    }
}

TEST(Rotary, ABf16RotationIsTheF32OneRounded) {
  const std::int64_t rows = static_cast<std::int64_t>(kPositions.size());
  for (const RotaryPairing pairing : {RotaryPairing::halves, RotaryPairing::neighbours}) {
    const RotaryTable table(spec_of(34, 2, pairing), 4097);
    on_every_path([&] {
      Stream stream(1);
      const Tensor half = random_matrix(rows, 68, DType::bf16, 1);
      const Tensor wide = Tensor::zeros({rows, 68}, DType::f32);
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < 68; ++c) set(wide, r, c, get(half, r, c));
      rotate(stream, table, kPositions, half);
      rotate(stream, table, kPositions, wide);
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < 68; ++c)
          ASSERT_EQ(get(half, r, c), to_float(to_bf16(static_cast<float>(get(wide, r, c)))));
    });
  }
}

// Both pairings are one rotation after a permutation of the elements, bit for bit.
TEST(Rotary, ThePairingsArePermutationsOfEachOther) {
  const std::int64_t rows = static_cast<std::int64_t>(kPositions.size());
  const RotaryTable halves(spec_of(34, 1, RotaryPairing::halves), 4097),
      neighbours(spec_of(34, 1, RotaryPairing::neighbours), 4097);
  on_every_path([&] {
    Stream stream(1);
    const Tensor x = random_matrix(rows, 34, DType::f32, 1),
                 y = Tensor::zeros({rows, 34}, DType::f32);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = 0; i < 34; ++i) set(y, r, 2 * (i % 17) + i / 17, get(x, r, i));
    rotate(stream, halves, kPositions, x);
    rotate(stream, neighbours, kPositions, y);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = 0; i < 34; ++i)
        ASSERT_EQ(get(y, r, 2 * (i % 17) + i / 17), get(x, r, i));
  });
}

// The gradient of <w, rotate(x)> is w turned back; there and back again is the identity.
TEST(Rotary, TurningBackIsTheGradient) {
  Stream stream(2);
  const std::int64_t rows = static_cast<std::int64_t>(kPositions.size());
  for (const RotaryPairing pairing : {RotaryPairing::halves, RotaryPairing::neighbours}) {
    const RotaryTable table(spec_of(6, 2, pairing), 4097);
    const Tensor x = random_matrix(rows, 14, DType::f64, 1),
                 w = random_matrix(rows, 14, DType::f64, 2),
                 dx = random_matrix(rows, 14, DType::f64, 2);
    rotate(stream, table, kPositions, dx, Rotation::back);
    expect_gradient(x, dx, [&] {
      const Tensor y = Tensor::zeros({rows, 14}, DType::f64);
      std::memcpy(y.raw(), x.raw(), static_cast<std::size_t>(x.elements()) * 8);
      rotate(stream, table, kPositions, y);
      return dot(y, w);
    });
    const Tensor again = random_matrix(rows, 14, DType::f64, 1);
    rotate(stream, table, kPositions, again);
    rotate(stream, table, kPositions, again, Rotation::back);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < 14; ++c)
        EXPECT_NEAR(get(again, r, c), get(x, r, c), 1e-6);  // the table is f32
  }
}

TEST(Rotary, ScaledVariantsAreOtherFrequenciesAndAFactor) {
  RotarySpec spec = spec_of(4, 1, RotaryPairing::halves);
  spec.frequencies = {0.5f, 0.125f};
  spec.attention_factor = 1.25f;
  const RotaryTable table(spec, 10);
  EXPECT_NEAR(get(table.cos(), 3, 0), 1.25 * std::cos(1.5), 2e-7);
  EXPECT_NEAR(get(table.sin(), 9, 1), 1.25 * std::sin(1.125), 2e-7);
  EXPECT_EQ(get(table.cos(), 0, 1), 1.25);
}

TEST(Rotary, SameBitsForAnyThreadsPathAndRows) {
  std::vector<std::int32_t> positions(330);
  for (std::size_t i = 0; i < 330; ++i) positions[i] = static_cast<std::int32_t>(i * 31 % 1024);
  for (const RotaryPairing pairing : {RotaryPairing::halves, RotaryPairing::neighbours})
    for (const DType type : {DType::f32, DType::bf16}) {
      const RotaryTable table(spec_of(80, 3, pairing), 1024);
      Tensor rotated;
      expect_same_bits([&](Stream& stream) {
        rotated = random_matrix(330, 300, type, 1);
        rotate(stream, table, positions, rotated);
        return bytes_of(rotated);
      });
      Stream stream(2);
      const Tensor alone = random_matrix(330, 300, type, 1).slice_rows(311, 312);
      rotate(stream, table, std::span(positions).subspan(311, 1), alone);
      EXPECT_EQ(bytes_of(alone), bytes_of(rotated.slice_rows(311, 312)));
    }
}

TEST(Rotary, RefusesWrongShapesAndPositions) {
  Stream stream(1);
  const RotaryTable table(spec_of(4, 2, RotaryPairing::halves), 10);
  const Tensor x = random_matrix(2, 9, DType::f32, 1);
  const auto run = [&](std::vector<std::int32_t> positions, const Tensor& to) {
    rotate(stream, table, positions, to);
  };
  expect_refused([&] { run({1, 10}, x); }, "position 10 of row 1 is outside [0, 10)");
  expect_refused([&] { run({-1, 2}, x); }, "position -1 of row 0");
  expect_refused([&] { run({1}, x); }, "need x [1, >= 8], got [2, 9]");
  expect_refused([&] { run({1, 2}, x.columns(0, 7)); }, "got [2, 7]");
  expect_refused([&] { run({1, 2}, {}); }, "got nothing");
  expect_refused([] { RotaryTable(spec_of(5, 1, RotaryPairing::halves), 4); }, "even head size");
  expect_refused([] { RotaryTable(spec_of(4, 1, RotaryPairing::halves), 0); }, "0 positions");
  RotarySpec odd = spec_of(4, 1, RotaryPairing::halves);
  odd.frequencies = {1.0f};
  expect_refused([&] { RotaryTable(odd, 4); }, "need 2 frequencies, got 1");
  run({}, random_matrix(0, 8, DType::f32, 1));
}

}  // namespace
}  // namespace stemma::kernels
