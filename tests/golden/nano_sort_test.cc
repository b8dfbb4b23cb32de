// A trained sorter of six digits, with PyTorch's intermediate values (fixtures/README.md).
#include "tests/golden/support.h"

namespace stemma::golden {
namespace {

constexpr double kBound = 1e-5;
constexpr std::size_t kLayers = 3, kHeads = 3, kT = 11, kB = 3, kRows = kB * kT;

Batch sorted_inputs(const Golden& partials) {
  const std::vector<std::int32_t> ids = partials.ids("idx");
  std::vector<std::vector<std::int32_t>> sequences;
  for (std::size_t b = 0; b < kB; ++b)
    sequences.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(b * kT),
                           ids.begin() + static_cast<std::ptrdiff_t>((b + 1) * kT));
  return batch_of(sequences);
}

// [B, H, T, D] as [B T, H D].
std::vector<float> heads_side_by_side(const std::vector<float>& x) {
  const std::size_t d = x.size() / (kRows * kHeads);
  std::vector<float> out(x.size());
  for (std::size_t b = 0; b < kB; ++b)
    for (std::size_t h = 0; h < kHeads; ++h)
      for (std::size_t t = 0; t < kT; ++t)
        for (std::size_t i = 0; i < d; ++i)
          out[((b * kT + t) * kHeads + h) * d + i] = x[((b * kHeads + h) * kT + t) * d + i];
  return out;
}

// What a query may not see (key > query) is set to 0 on both sides. x [N, H, keys].
std::vector<float> causal_part(std::vector<float> x) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t key = i % kT, query = i / (kHeads * kT) % kT;
    if (key > query) x[i] = 0;
  }
  return x;
}

std::vector<float> columns(const std::vector<float>& x, std::size_t begin, std::size_t width) {
  const std::size_t all = x.size() / kRows;
  std::vector<float> out;
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t c = begin; c < begin + width; ++c) out.push_back(x[r * all + c]);
  return out;
}

class NanoSort : public ::testing::TestWithParam<KernelPath> {
 protected:
  void SetUp() override { folder_ = shared_model("nano-sort"); }

  void expect_near(const std::string& name, const std::vector<float>& got,
                   const std::vector<float>& wanted) {
    const Difference d = difference(got, wanted);
    EXPECT_LE(d.absolute, kBound) << name;
    report(name, d.absolute);
  }

  fs::path folder_;
};

TEST_P(NanoSort, EveryIntermediateValue) {
  SKIP_WITHOUT(folder_, "nano-sort");
  const ScopedKernelPath path(GetParam());
  const Golden golden(folder_ / "partials.safetensors");
  checkpoint::CheckpointSource source(folder_ / "hf", checkpoint::Memory::own);
  const std::unique_ptr<Model> model = build_model(source.config().model, source);
  Stream stream(2);
  ops::Context ctx(stream);
  Recorder seen;
  ctx.set_observer(&seen);
  const Batch batch = sorted_inputs(golden);
  const std::vector<float> logits = logits_of(*model, ctx, batch);

  std::vector<float> positions;
  for (std::size_t b = 0; b < kB; ++b)
    for (const float p : golden.floats("pos_emb")) positions.push_back(p);
  expect_near("tok_emb", seen.get("token_embedding", 0), golden.floats("tok_emb"));
  expect_near("pos_emb", seen.get("position_embedding", 0), positions);
  expect_near("x", seen.get("embedding", 0), golden.floats("x"));
  expect_near("ln1", seen.get("layer_norm", 0), golden.floats("ln1"));
  const std::vector<float> qkv = seen.get("linear", 0);
  expect_near("qkv", qkv, golden.floats("qkv"));
  ASSERT_EQ(qkv.size(), kRows * 144);
  expect_near("q", columns(qkv, 0, 48), heads_side_by_side(golden.floats("q")));
  expect_near("k", columns(qkv, 48, 48), heads_side_by_side(golden.floats("k")));
  expect_near("v", columns(qkv, 96, 48), heads_side_by_side(golden.floats("v")));
  expect_near("att", causal_part(seen.get("attention_scores", 0)),
              causal_part(heads_side_by_side(golden.floats("att"))));
  expect_near("attSm", seen.get("attention_weights", 0),
              heads_side_by_side(golden.floats("attSm")));
  expect_near("y", seen.get("attention", 0), golden.floats("y"));
  expect_near("yProj", seen.get("linear", 1), golden.floats("yProj"));
  expect_near("attnResid", seen.get("residual", 0), golden.floats("attnResid"));
  expect_near("ln2", seen.get("layer_norm", 1), golden.floats("ln2"));
  expect_near("fc", seen.get("linear", 2), golden.floats("fc"));
  expect_near("gelu", seen.get("gelu", 0), golden.floats("gelu"));
  expect_near("mlp", seen.get("linear", 3), golden.floats("mlp"));
  expect_near("mlpResid", seen.get("residual", 1), golden.floats("mlpResid"));
  for (std::size_t layer = 0; layer < kLayers; ++layer)
    expect_near(fmt::format("block{}", layer), seen.get("residual", 2 * layer + 1),
                golden.floats(fmt::format("block{}", layer)));
  expect_near("ln_f", seen.get("layer_norm", 2 * kLayers), golden.floats("ln_f"));
  expect_near("lm_head", logits, golden.floats("lm_head"));
  EXPECT_EQ(seen.entries.size(), 3 + 12 * kLayers + 2)
      << "an operation shows more or less than it did";
}

// Without an observer attention runs its fast kernel.
TEST_P(NanoSort, LogitsOfTheFastKernels) {
  SKIP_WITHOUT(folder_, "nano-sort");
  const ScopedKernelPath path(GetParam());
  const Golden golden(folder_ / "partials.safetensors");
  checkpoint::CheckpointSource source(folder_ / "hf", checkpoint::Memory::shared);
  const std::unique_ptr<Model> model = build_model(source.config().model, source);
  Stream stream(2);
  ops::Context ctx(stream);
  std::vector<float> logits = logits_of(*model, ctx, sorted_inputs(golden));
  expect_near("lm_head", logits, golden.floats("lm_head"));
  ASSERT_EQ(logits.size(), kRows * 3);
  for (std::size_t r = 0; r < kRows; ++r) {
    float* row = logits.data() + 3 * r;
    const double sum =
        std::exp(double{row[0]}) + std::exp(double{row[1]}) + std::exp(double{row[2]});
    for (int c = 0; c < 3; ++c) row[c] = static_cast<float>(std::exp(double{row[c]}) / sum);
  }
  expect_near("probs", logits, golden.floats("probs"));
}

TEST_P(NanoSort, SortsAll729Inputs) {
  SKIP_WITHOUT(folder_, "nano-sort");
  const ScopedKernelPath path(GetParam());
  const auto model = infer::LoadedModel::open({.path = folder_ / "hf",
                                               .precision = "f32",
                                               .weights = "f32",
                                               .tokenizer = "",
                                               .threads = 1});
  int sorted = 0;
  for (int n = 0; n < 729; ++n) {
    std::vector<std::int32_t> digits(6);
    for (int i = 0, rest = n; i < 6; ++i, rest /= 3) digits[static_cast<std::size_t>(i)] = rest % 3;
    std::vector<std::int32_t> wanted = digits;
    std::sort(wanted.begin(), wanted.end());
    sorted += greedy(model, digits, 6) == wanted;
  }
  EXPECT_EQ(sorted, 729);
}

INSTANTIATE_TEST_SUITE_P(, NanoSort, ::testing::ValuesIn(available_kernel_paths()),
                         [](const auto& instance) {
                           return std::string(to_string(instance.param));
                         });

}  // namespace
}  // namespace stemma::golden
