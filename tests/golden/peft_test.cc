// Adapters as PEFT saves them (fixtures/peft): their logits, the folder written and read again, the
// adapter merged into its base, and folders that do not fit or ask for what nothing here computes.
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "checkpoint/merged_source.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/golden/peft_support.h"

namespace stemma::golden {
namespace {

constexpr double kPeftBound = 5e-6;   // f32, of the largest logit of a folder
constexpr double kMergeBound = 1e-5;  // a merged weight is rounded once more

fs::path base_of(const std::string& name) {
  return peft_folder(name.substr(0, name.find('-')) + "-base");
}

class Peft : public ::testing::TestWithParam<std::string> {};

TEST_P(Peft, GivesTheLogitsOfPeft) {
  PeftFiles files(base_of(GetParam()), peft_folder(GetParam()));
  PeftModel adapted(files);
  std::vector<float> got, wanted, merged_values;
  checkpoint::MergedSource merged_source(files.base(), files.folder());
  PeftModel merged(files, merged_source, false);
  const Json expected = json_of(peft_folder(GetParam()) / "expected.json");
  for (const Json& json : expected.at("cases").as_array()) {
    for (const Json& value : json.at("logits").as_array())
      wanted.push_back(static_cast<float>(value.as_double()));
    for (float value : adapted.answer(json)) got.push_back(value);
    for (float value : merged.answer(json)) merged_values.push_back(value);
  }
  EXPECT_GE(wanted.size(), 9u);
  const double adapted_error = difference(got, wanted).relative;
  const double merged_error = difference(merged_values, got).relative;
  EXPECT_LE(adapted_error, kPeftBound);
  EXPECT_LE(merged_error, kMergeBound);
  report("logits", adapted_error);
  report("merged", merged_error);
}

// Sequences without padding, one behind the other: the bits of each alone.
TEST_P(Peft, ABatchGivesTheBitsOfEachAlone) {
  if (GetParam().ends_with("-lm")) GTEST_SKIP() << "stated of classes";
  PeftFiles files(base_of(GetParam()), peft_folder(GetParam()));
  PeftModel model(files);
  std::vector<tasks::EncodedExample> examples;
  std::vector<float> alone;
  const Json expected = json_of(peft_folder(GetParam()) / "expected.json");
  for (const Json& json : expected.at("cases").as_array()) {
    examples.push_back(example_of_case(json));
    for (float value : model.answer(json)) alone.push_back(value);
  }
  EXPECT_EQ(model.scores(examples), alone);
}

// What adapter_config.json says of the method itself.
Json method_settings(const Json& config) {
  Json settings = Json::object();
  for (const char* key : {"r", "lora_alpha", "use_rslora", "init_r", "target_r", "total_step"})
    if (const Json* value = config.find(key); value && !value->is_null()) settings.set(key, *value);
  return settings;
}

void expect_same_spec(const nn::AdapterSpec& a, const nn::AdapterSpec& b) {
  EXPECT_EQ(a.kind, b.kind);
  ASSERT_EQ(a.low_rank.size(), b.low_rank.size());
  for (std::size_t i = 0; i < a.low_rank.size(); ++i) {
    EXPECT_EQ(a.low_rank[i].name(), b.low_rank[i].name());
    EXPECT_EQ(a.low_rank[i].rank, b.low_rank[i].rank);
    EXPECT_EQ(a.low_rank[i].scale, b.low_rank[i].scale);
    EXPECT_EQ(a.low_rank[i].first_row, b.low_rank[i].first_row);
  }
}

TEST_P(Peft, IsWrittenAsItWasRead) {
  const fs::path from = peft_folder(GetParam());
  PeftFiles files(base_of(GetParam()), from);
  const TemporaryFolder copy;
  const auto before = files.parameters();
  checkpoint::write_adapter(copy.path(), {files.config(), files.folder().spec(), before, "base",
                                          method_settings(json_of(from / "adapter_config.json"))});
  PeftFiles again(base_of(GetParam()), copy.path());
  expect_same_spec(again.folder().spec(), files.folder().spec());
  const auto after = again.parameters();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].name, before[i].name);
    EXPECT_EQ(values_of(after[i].tensor), values_of(before[i].tensor)) << before[i].name;
  }
  // The tensors have PEFT's names; matrices that lost all their ranks are left out.
  const auto names_in = [](const fs::path& folder) {
    std::set<std::string> names;
    const checkpoint::SafetensorsReader file(folder / checkpoint::kAdapterWeights);
    for (const auto& tensor : file.tensors())
      if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) == tensor.shape.end())
        names.insert(tensor.name);
    return names;
  };
  EXPECT_EQ(names_in(copy.path()), names_in(from));
}

INSTANTIATE_TEST_SUITE_P(
    , Peft,
    ::testing::Values("gpt2-lora-classification", "gpt2-lora-lm", "gpt2-lora-wide-classification",
                      "gpt2-lora-wide-lm", "gpt2-adalora-classification", "gpt2-adalora-lm",
                      "llama-lora-classification", "llama-lora-lm", "llama-lora-all-classification",
                      "llama-lora-all-lm", "llama-lora-rslora-classification",
                      "llama-lora-rslora-lm", "llama-adalora-classification", "llama-adalora-lm",
                      "bert-lora-classification", "bert-adalora-classification"),
    [](const auto& each) {
      std::string name = each.param;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

// The first row of logits, which no later token may change.
TEST(PeftLogits, OfTheFirstToken) {
  PeftFiles files(peft_folder("llama-base"), peft_folder("llama-adalora-lm"));
  PeftModel model(files);
  const Json expected = json_of(peft_folder("llama-adalora-lm") / "expected.json");
  for (const Json& json : expected.at("cases").as_array()) {
    std::vector<float> got = model.logits(ids_of(json.at("ids"))), wanted;
    for (const Json& value : json.at("first_logits").as_array())
      wanted.push_back(static_cast<float>(value.as_double()));
    EXPECT_EQ(got.size(), wanted.size() * static_cast<std::size_t>(json.at("rows").as_int()));
    got.resize(wanted.size());
    EXPECT_LE(difference(got, wanted).relative, kPeftBound);
  }
}

// An adapter of the fixtures with another adapter_config.json.
void open_changed_adapter(const std::string& name, const std::function<void(Json&)>& change) {
  const TemporaryFolder copy;
  const fs::path from = peft_folder(name);
  fs::copy_file(from / "adapter_model.safetensors", copy / "adapter_model.safetensors");
  Json config = json_of(from / "adapter_config.json");
  change(config);
  std::ofstream(copy / "adapter_config.json") << config.dump(1);
  PeftFiles files(base_of(name), copy.path());
}

TEST(PeftSettings, ThatNothingComputesAreRefusedByName) {
  const auto set = [](const char* key, Json value) {
    return [key, value = std::move(value)](Json& config) { config.set(key, value); };
  };
  const std::string name = "llama-lora-classification";
  EXPECT_ERROR(open_changed_adapter(name, set("peft_type", "LOHA")), ErrorCode::unsupported,
               "'LOHA'");
  for (const char* key : {"use_dora", "use_qalora", "lora_bias", "use_bdlora"})
    EXPECT_ERROR(open_changed_adapter(name, set(key, true)), ErrorCode::unsupported, key);
  EXPECT_ERROR(open_changed_adapter(name, set("bias", "lora_only")), ErrorCode::unsupported,
               "bias");
  const Json pairs = Json::array({Json::array({0, 2})});
  for (const char* key : {"layer_replication", "trainable_token_indices", "target_parameters",
                          "alora_invocation_tokens"})
    EXPECT_ERROR(open_changed_adapter(name, set(key, pairs)), ErrorCode::unsupported, key);
  EXPECT_ERROR(
      open_changed_adapter(name, set("alpha_pattern", Json::object({{"layers.[01].q_proj", 3}}))),
      ErrorCode::unsupported, "regular expression");
}

TEST(PeftAdapters, OfAnotherBaseAreSaid) {
  const auto open = [](const char* base, const char* adapter) {
    PeftFiles files(peft_folder(base), peft_folder(adapter));
  };
  EXPECT_ERROR(open("gpt2-base", "llama-lora-classification"), ErrorCode::corrupt,
               "does not belong to this model");
  EXPECT_ERROR(open("llama-base", "gpt2-lora-lm"), ErrorCode::corrupt,
               "does not belong to this model");
  EXPECT_ERROR(open("gpt2-base", "bert-adalora-classification"), ErrorCode::corrupt,
               "does not belong to this model");
}

// The same family with other sizes: the message has both shapes.
TEST(PeftAdapters, OfABaseOfAnotherSizeAreSaid) {
  const checkpoint::CheckpointSource base(peft_folder("llama-base"), checkpoint::Memory::shared);
  ModelConfig wide = base.config().model;
  wide.channels *= 2;
  wide.head_width = 16;
  EXPECT_ERROR(checkpoint::AdapterFolder(peft_folder("llama-lora-lm"), wide), ErrorCode::corrupt,
               "is [32, 32] there and [64, 64] in the model");
  ModelConfig shallow = base.config().model;
  shallow.layers = 1;
  EXPECT_ERROR(checkpoint::AdapterFolder(peft_folder("llama-lora-lm"), shallow), ErrorCode::corrupt,
               "has no place in it");
}

// alpha_pattern and ranks of single matrices, as PEFT reads them.
TEST(PeftAdapters, HaveTheirOwnAlphaWhereAPatternSaysSo) {
  const TemporaryFolder copy;
  const fs::path from = peft_folder("llama-lora-lm");
  fs::copy_file(from / "adapter_model.safetensors", copy / "adapter_model.safetensors");
  Json config = json_of(from / "adapter_config.json");
  config.set("alpha_pattern",
             Json::object({{"v_proj", 12}, {"model.layers.1.self_attn.q_proj", 2}}));
  std::ofstream(copy / "adapter_config.json") << config.dump(1);
  PeftFiles files(peft_folder("llama-base"), copy.path());
  std::map<std::string, double> scales;
  for (const nn::LowRankSpec& spec : files.folder().spec().low_rank)
    scales[spec.name()] = spec.scale;
  const std::map<std::string, double> wanted = {{"adapter.blocks.0.attention.qkv.q", 6.0 / 4},
                                                {"adapter.blocks.0.attention.qkv.v", 12.0 / 4},
                                                {"adapter.blocks.1.attention.qkv.q", 2.0 / 4},
                                                {"adapter.blocks.1.attention.qkv.v", 12.0 / 4}};
  EXPECT_EQ(scales, wanted);
}

}  // namespace
}  // namespace stemma::golden
