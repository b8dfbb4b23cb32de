// What a config.json of GPT-2 may say besides the usual: other activations, attention scores that
// are not scaled, or also by the layer's number. Logits of transformers in float64
// (fixtures/gpt2-random/variants.safetensors, scripts/peers/make_golden.py).
#include <string>

#include "checkpoint/checkpoint_source.h"
#include "checkpoint/config_file.h"
#include "tests/base/temporary_folder.h"
#include "tests/golden/random_model.h"

namespace stemma::golden {
namespace {

constexpr double kVariantBound = 4e-6;  // f32, of the largest logit

TEST(Gpt2Variants, GiveTheLogitsOfTransformers) {
  const Golden variants(fixture("gpt2-random/variants.safetensors"));
  const std::vector<std::int32_t> all =
      Golden(fixture("gpt2-random/golden.safetensors")).ids("train.ids");
  const Batch batch = batch_of({{all.begin(), all.begin() + kTokens}});
  const std::vector<std::pair<std::string, std::pair<std::string, Json>>> changes = {
      {"by_layer", {"scale_attn_by_inverse_layer_idx", true}},
      {"unscaled", {"scale_attn_weights", false}},
      {"relu", {"activation_function", "relu"}},
      {"silu", {"activation_function", "silu"}},
      {"quick_gelu", {"activation_function", "quick_gelu"}},
      {"gelu", {"activation_function", "gelu"}}};
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    const TemporaryFolder folder;
    fs::copy_file(fixture("gpt2-random/model.safetensors"), folder / "model.safetensors");
    Json config = json_of(fixture("gpt2-random/config.json"));
    config.set(change.first, change.second);
    AtomicFile file(folder / "config.json");
    file.write(config.dump());
    file.commit();
    TrainableModel model(folder.path(), ops::Numerics::f32());
    const std::vector<float> wanted = variants.floats(name);
    const Difference d = difference(logits_of(model.model(), model.ctx(), batch), wanted);
    EXPECT_LE(d.relative, kVariantBound);
    report(name, d.relative);
    // A copy says the same.
    const auto read = checkpoint::read_config_file(folder / "config.json");
    EXPECT_EQ(checkpoint::to_config_json(read).at(change.first).dump(), change.second.dump());
  }
}

}  // namespace
}  // namespace stemma::golden
