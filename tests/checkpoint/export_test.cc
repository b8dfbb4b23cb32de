#include "checkpoint/export.h"

#include "checkpoint/checkpoint_source.h"
#include "models/patterns.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

std::vector<NamedTensor> all_parameters(CheckpointSource& source) {
  std::vector<NamedTensor> all;
  for (const nn::ParameterSpec& spec : parameters_of(source.config().model))
    all.push_back({spec.name, source.load(spec).value()});
  return all;
}

// Writes one small file, to see that the tokenizer is asked.
class FakeTokenizer : public Tokenizer {
 public:
  std::int32_t vocab_size() const override { return 1; }
  void encode(std::string_view, std::vector<std::int32_t>&) const override {}
  std::string_view bytes_of(std::int32_t) const override { return "x"; }
  const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const override {
    return special_;
  }
  std::optional<std::int32_t> end_of_text() const override { return {}; }
  void save(const fs::path& folder) const override { put(folder / "tokenizer.json", "{}"); }

 private:
  std::vector<std::pair<std::string, std::int32_t>> special_;
};

// A model with a sparse layer is no GPT-2 and must not look like one; with dense layers it is one.
TEST(Export, SparseLayersHaveAModelTypeOfTheirOwn) {
  const ScratchFolder scratch;
  ConfigFile config;
  config.model = tiny_config("gpt3");
  const auto parameters = counting_parameters(config.model);
  const auto type_of = [&](const std::vector<std::string>& patterns) {
    config.model.patterns = repeated_patterns(patterns, config.model.layers);
    export_model(scratch / "m", {.config = config, .parameters = parameters});
    const Json json = Json::parse(get(scratch / "m/config.json"), "config.json");
    return json.at("model_type").as_string();
  };
  EXPECT_EQ(type_of({}), "gpt2");
  EXPECT_EQ(type_of({"dense"}), "gpt2");
  EXPECT_EQ(load_config(scratch / "m").model.family, "gpt2");
  EXPECT_EQ(type_of({"dense", "strided:3"}), "stemma_gpt3");
  const ModelConfig read = load_config(scratch / "m").model;
  EXPECT_EQ(read.family, "gpt3");
  ASSERT_EQ(read.patterns.size(), 2u);
  EXPECT_EQ(stemma::to_string(read.patterns[0]), "dense");
  EXPECT_EQ(stemma::to_string(read.patterns[1]), "strided:3");
}

TEST(Export, RoundTripsEveryHeadAndLayout) {
  struct Case {
    std::string norm;
    bool tied, bias;
  };
  for (const Case& each : {Case{"gpt2", true, false}, Case{"gpt2", false, false},
                           Case{"gpt2", false, true}, Case{"gpt1", true, false}}) {
    const ScratchFolder scratch;
    ConfigFile config;
    config.model = tiny_config(each.norm);
    config.model.tied_head = each.tied;
    config.model.head_bias = each.bias;
    config.eos_token = 2;
    const auto parameters = counting_parameters(config.model);
    const FakeTokenizer tokenizer;
    export_model(scratch / "deep/model",
                 {.config = config, .parameters = parameters, .tokenizer = &tokenizer});
    CheckpointSource source(scratch / "deep/model", Memory::own);
    EXPECT_EQ(source.config().model.tied_head, each.tied);
    EXPECT_EQ(source.config().model.head_bias, each.bias);
    EXPECT_EQ(source.config().eos_token, 2);
    for (const NamedTensor& p : parameters)
      EXPECT_TRUE(same_tensor(parameter(source, p.name), p.tensor)) << p.name;
    EXPECT_TRUE(fs::exists(scratch / "deep/model/tokenizer.json"));
    const Json generation = Json::parse(get(scratch / "deep/model/generation_config.json"), "g");
    EXPECT_EQ(generation.at("eos_token_id").as_int(), 2);
    EXPECT_EQ(generation.find("bos_token_id"), nullptr);
    // A tied head is written once.
    EXPECT_EQ(SafetensorsReader(scratch / "deep/model/model.safetensors").find("lm_head.weight") ==
                  nullptr,
              each.tied);
  }
}

// What transformers wrote, read and written by us: every tensor byte for byte.
TEST(Export, ReproducesFilesOfTransformers) {
  // With STEMMA_TEST_OUTPUT the folders stay there, for scripts/peers/compare_folders.py.
  const ScratchFolder scratch;
  const char* keep = std::getenv("STEMMA_TEST_OUTPUT");
  const fs::path output = keep ? fs::path(keep) : scratch.path();
  const fs::path fixtures = fs::path(STEMMA_SOURCE_DIR) / "tests/golden/fixtures";
  std::vector<fs::path> folders = {fixtures / "gpt1-random", fixtures / "gpt2-random",
                                   fixtures / "bert-random"};
  for (const char* name : {"nano-sort", "tiny-random-gpt2", "gpt2-basic-463k"})
    if (const fs::path folder = shared_material(std::string("models/") + name + "/hf");
        !folder.empty())
      folders.push_back(folder);
  for (const fs::path& folder : folders) {
    SCOPED_TRACE(folder.string());
    CheckpointSource source(folder, Memory::shared);
    const std::string name =
        (folder.filename() == "hf" ? folder.parent_path() : folder).filename().string();
    const auto parameters = all_parameters(source);
    export_model(output / name, {.config = source.config(), .parameters = parameters});
    const SafetensorsReader before(folder / "model.safetensors");
    const SafetensorsReader after(output / name / "model.safetensors");
    EXPECT_EQ(before.tensors().size(), after.tensors().size());
    for (const StoredTensor& tensor : before.tensors()) {
      const StoredTensor* written = after.find(tensor.name);
      ASSERT_NE(written, nullptr) << tensor.name;
      EXPECT_EQ(tensor.shape, written->shape) << tensor.name;
      const auto a = before.bytes(tensor), b = after.bytes(*written);
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << tensor.name;
    }
  }
}

TEST(Export, RefusesParametersOfAnotherModel) {
  const ScratchFolder scratch;
  ConfigFile config;
  config.model = tiny_config("gpt2");
  const auto good = counting_parameters(config.model);
  const auto refuse = [&](const std::vector<NamedTensor>& parameters,
                          const std::vector<std::string>& words) {
    expect_error(ErrorCode::invalid_argument, words, [&] {
      export_model(scratch / "m", {.config = config, .parameters = parameters});
    });
    EXPECT_FALSE(fs::exists(scratch / "m"));
  };
  auto changed = good;
  changed.pop_back();
  refuse(changed, {"'final_norm.bias'", "missing"});
  changed = good;
  changed.push_back({"head.weight", counting({11, 6}, 0)});
  refuse(changed, {"'head.weight'"});
  changed = good;
  changed.push_back(good[0]);
  refuse(changed, {"'embedding.tokens'", "twice"});
  changed = good;
  changed[0].tensor = counting({6, 11}, 0);
  refuse(changed, {"'embedding.tokens'", "[11, 6]", "[6, 11]"});
  changed = good;
  changed[0].tensor = Tensor::zeros({11, 6}, DType::bf16);
  refuse(changed, {"'embedding.tokens'", "f32", "bf16"});
  config.model.heads = 5;
  refuse(good, {"heads"});
}

}  // namespace
}  // namespace stemma::checkpoint
