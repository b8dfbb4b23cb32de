#include "tasks/task_weights.h"

#include <cstring>
#include <map>

#include "models/family.h"
#include "models/model.h"
#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

ModelConfig tiny_trunk(const std::string& family) {
  ModelConfig c = family_named(family).defaults();
  c.vocab = 11;
  c.context = 7;
  c.channels = 6;
  c.heads = 2;
  c.layers = 2;
  c.hidden = 24;
  if (family == "llama") c.head_width = 4, c.kv_heads = 1;
  return c;
}

std::vector<float> values_of(const Tensor& t) {
  return {t.data<float>(), t.data<float>() + t.elements()};
}

using Values = std::map<std::string, std::vector<float>>;

Values all_values(const ModelConfig& config, nn::WeightSource& source) {
  Values values;
  for (const nn::ParameterSpec& spec : parameters_of(config))
    values[spec.name] = values_of(source.load(spec).value());
  return values;
}

class TaskWeightsOf : public ::testing::TestWithParam<std::string> {};

TEST_P(TaskWeightsOf, TrunkOfTheBaseAndFreshHead) {
  const ModelConfig base_config = tiny_trunk(GetParam());
  ModelConfig config = base_config;
  config.task_heads = {{"", 3, HeadInput::mean, true}};
  nn::FreshWeights base(1), fresh(2);
  TaskWeights source(base, base_config, 2);
  const Values before = all_values(base_config, base), after = all_values(config, source);
  EXPECT_EQ(after.size(), before.size() + 2);
  for (const auto& [name, values] : before) EXPECT_EQ(after.at(name), values) << name;
  for (const nn::ParameterSpec& spec : parameters_of(config)) {
    EXPECT_EQ(source.in_base(spec), before.contains(spec.name)) << spec.name;
    if (!before.contains(spec.name)) {
      EXPECT_EQ(after.at(spec.name), values_of(fresh.load(spec).value()));
    }
  }
}

TEST_P(TaskWeightsOf, AGrownVocabularyKeepsItsRows) {
  ModelConfig base_config = tiny_trunk(GetParam());
  if (base_config.causal) base_config.tied_head = false;
  ModelConfig config = base_config;
  config.vocab += 3;
  nn::FreshWeights base(1);
  TaskWeights source(base, base_config, 2);
  std::size_t grown = 0;
  for (const nn::ParameterSpec& spec : parameters_of(config)) {
    if (spec.name != "embedding.tokens" && spec.name != "head.weight") continue;
    ++grown;
    nn::ParameterSpec old = spec;
    old.shape = {11, 6};
    const std::vector<float> was = values_of(base.load(old).value());
    std::vector<float> is = values_of(source.load(spec).value());
    ASSERT_EQ(is.size(), 14u * 6);
    const std::vector<float> added(is.begin() + 66, is.end());
    is.resize(66);
    EXPECT_EQ(is, was) << spec.name;  // bit for bit
    EXPECT_FALSE(source.in_base(spec));
    // Fresh numbers, not zeros and not all alike.
    EXPECT_NE(added, std::vector<float>(18, 0.0f));
    EXPECT_NE(std::vector<float>(added.begin(), added.begin() + 6),
              std::vector<float>(added.begin() + 6, added.begin() + 12));
  }
  EXPECT_EQ(grown, base_config.causal ? 2u : 1u);
}

INSTANTIATE_TEST_SUITE_P(, TaskWeightsOf, ::testing::Values("gpt1", "gpt2", "llama", "bert"),
                         [](const auto& each) { return each.param; });

// The head of another task has other labels: none of its rows is of use.
TEST(TaskWeights, AHeadOfOtherLabelsIsFresh) {
  ModelConfig base_config = tiny_trunk("gpt2");
  base_config.task_heads = {{"", 2, HeadInput::last, false}};
  ModelConfig config = base_config;
  config.task_heads = {{"", 3, HeadInput::last, false}};
  nn::FreshWeights base(1), fresh(2);
  TaskWeights source(base, base_config, 2);
  for (const nn::ParameterSpec& spec : parameters_of(config))
    if (spec.name == "class_head.weight") {
      EXPECT_EQ(values_of(source.load(spec).value()), values_of(fresh.load(spec).value()));
    }
}

TEST(TaskWeights, SeedsDiffer) {
  const ModelConfig base_config = tiny_trunk("bert");
  ModelConfig config = base_config;
  config.task_heads = {{"", 3, HeadInput::first, true}};
  nn::FreshWeights base(1);
  const auto head = [&](std::uint64_t seed) {
    TaskWeights source(base, base_config, seed);
    return all_values(config, source).at("class_head.weight");
  };
  EXPECT_EQ(head(2), head(2));
  EXPECT_NE(head(2), head(3));
}

}  // namespace
}  // namespace stemma::tasks
