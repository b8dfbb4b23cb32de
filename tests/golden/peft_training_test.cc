// Training of adapters against PEFT and PyTorch in f64 (fixtures/peft/llama-*-training): losses,
// norms and the final tensors. All trained tensors are matrices or tables, so all of them decay, as
// in the reference.
#include <map>
#include <memory>

#include "checkpoint/adapter_targets.h"
#include "tasks/adapt.h"
#include "tasks/task_batches.h"
#include "tasks/task_objective.h"
#include "tests/base/temporary_folder.h"
#include "tests/golden/peft_support.h"
#include "train/rank_budget.h"
#include "train/trainer.h"

namespace stemma::golden {
namespace {

// f32 against f64.
constexpr double kLossBound = 2e-6, kNormBound = 2e-6, kValueBound = 2e-6;

struct TrainingRecord {
  explicit TrainingRecord(const fs::path& folder) : json(json_of(folder / "training.json")) {}

  train::TrainerSettings settings() const {
    const Json& a = json.at("adamw");
    const double lr = a.at("lr").as_double();
    train::TrainerSettings s;
    s.schedule = {.peak = lr, .minimum = lr, .warmup = 0, .steps = steps()};
    s.optimizer = {.beta1 = a.at("beta1").as_double(),
                   .beta2 = a.at("beta2").as_double(),
                   .eps = a.at("eps").as_double(),
                   .weight_decay = a.at("weight_decay").as_double(),
                   .clip = a.at("clip").as_double()};
    s.batch = s.micro_batch = std::ssize(json.at("batch").as_array());
    s.numerics = ops::Numerics::f32();
    s.trainable = [](std::string_view name) {
      return name.starts_with(nn::kAdapterPrefix) || tasks::is_of_task_head(name);
    };
    return s;
  }
  std::vector<tasks::EncodedExample> examples() const {
    std::vector<tasks::EncodedExample> list;
    for (const Json& item : json.at("batch").as_array()) {
      list.push_back(example_of_case(item));
      list.back().wanted = {0, 0, 0};
      list.back().wanted[static_cast<std::size_t>(item.at("label").as_int())] = 1;
    }
    return list;
  }
  // The last row has only a loss.
  std::int64_t steps() const { return std::ssize(rows()) - 1; }
  const Json::Array& rows() const { return json.at("steps").as_array(); }

  Json json;
};

// A classifier on llama-base that goes on from `start/`.
class PeftTraining {
  // The trainer, which uses them, goes first.
  std::shared_ptr<const Tokenizer> tokenizer_ = byte_tokenizer();
  Stream stream_{1};
  PeftFiles files_;
  std::shared_ptr<const tasks::Task> task_;

 public:
  explicit PeftTraining(const fs::path& folder)
      : files_(peft_folder("llama-base"), folder / "start"),
        task_(tasks::make_task(
            tasks::read_adapter_descriptions(folder / "start", files_.config()).front(),
            *tokenizer_)),
        record(folder) {
    train::TrainerSettings settings = record.settings();
    settings.adapter = files_.folder().spec();
    const Json config = json_of(folder / "start" / "adapter_config.json");
    if (config.get("peft_type", "") == "ADALORA")
      settings.hook = budget =
          std::make_shared<train::RankBudget>(*settings.adapter, budget_of(config));
    auto batches =
        std::make_shared<tasks::TaskBatches>(task_, record.examples(), tasks::TaskBatchOptions{});
    auto objective =
        std::make_shared<tasks::TaskObjective>(std::vector<tasks::LearntTask>{{task_, {}}},
                                               std::move(batches), tasks::TaskObjective::Options{});
    trainer = std::make_unique<train::Trainer>(files_.config().model, settings, files_.source(),
                                               std::move(objective), stream_);
  }

  const checkpoint::ConfigFile& config() const { return files_.config(); }
  const nn::AdapterSpec& spec() { return files_.folder().spec(); }

  TrainingRecord record;
  std::shared_ptr<train::RankBudget> budget;
  std::unique_ptr<train::Trainer> trainer;

 private:
  static train::RankBudgetOptions budget_of(const Json& config) {
    return {.first_rank = config.at("init_r").as_int(),
            .rank = config.at("target_r").as_int(),
            .steps = config.at("total_step").as_int(),
            .warmup = config.at("tinit").as_int(),
            .settle = config.at("tfinal").as_int(),
            .every = config.at("deltaT").as_int(),
            .orthogonality = config.at("orth_reg_weight").as_double(),
            .beta1 = config.at("beta1").as_double(),
            .beta2 = config.at("beta2").as_double()};
  }
};

void expect_final_values(const std::vector<checkpoint::NamedTensor>& got, const fs::path& folder) {
  PeftFiles wanted_files(peft_folder("llama-base"), folder);
  std::map<std::string, Tensor> ours;
  for (const auto& [name, tensor, transposed] : got) ours[name] = tensor;
  double worst = 0;
  const auto wanted = wanted_files.parameters();
  EXPECT_EQ(ours.size(), wanted.size());
  for (const auto& [name, tensor, transposed] : wanted) {
    const double d = difference(values_of(ours.at(name)), values_of(tensor)).absolute;
    EXPECT_LE(d, kValueBound) << name;
    worst = std::max(worst, d);
  }
  report("value", worst);
}

// The triplets whose E is not 0, by PEFT's names: {"layers.0.self_attn.q_proj": [1, 0, ...]}.
Json mask_of(const PeftTraining& run) {
  std::map<std::string, Tensor> values;
  for (const auto& [name, tensor, transposed] : run.trainer->trained_weights())
    values[name] = tensor;
  Json mask = Json::object();
  for (const checkpoint::AdapterUnit& unit : checkpoint::adapter_units(run.config().model)) {
    const nn::LowRankSpec spec{unit.linear, unit.part, 0, 0, 0, 0, 1};
    const auto found = values.find(spec.name() + ".e");
    if (found == values.end()) continue;
    Json flags = Json::array({});
    for (const float e : values_of(found->second)) flags.push_back(e != 0 ? 1 : 0);
    mask.set(unit.module.substr(std::string_view("model.").size()), std::move(flags));
  }
  return mask;
}

TEST(PeftTraining, OfLoraGivesTheLossesAndTheValuesOfPeft) {
  const fs::path folder = peft_folder("llama-lora-training");
  PeftTraining run(folder);
  for (std::int64_t i = 0; i < run.record.steps(); ++i) {
    const Json& row = run.record.rows()[static_cast<std::size_t>(i)];
    const train::StepResult result = run.trainer->step().value();
    EXPECT_NEAR(result.loss, row.at("loss").as_double(), kLossBound) << i;
    const double norm = row.at("gradient_norm").as_double();
    EXPECT_NEAR(result.gradient_norm, norm, kNormBound * std::max(1.0, norm)) << i;
  }
  expect_final_values(run.trainer->trained_weights(), folder / "final");
}

TEST(PeftTraining, OfAdaLoraGivesTheLossesTheRanksAndTheValuesOfPeft) {
  const fs::path folder = peft_folder("llama-adalora-training");
  PeftTraining run(folder);
  for (std::int64_t i = 0; i < run.record.steps(); ++i) {
    const Json& row = run.record.rows()[static_cast<std::size_t>(i)];
    const train::StepResult result = run.trainer->step().value();
    EXPECT_NEAR(result.loss, row.at("loss").as_double(), kLossBound) << i;
    ASSERT_EQ(result.columns.size(), 1u);
    EXPECT_EQ(result.columns[0].name, "orthogonality");
    EXPECT_NEAR(result.columns[0].value, row.at("orthogonality").as_double(), kLossBound) << i;
    const double norm = row.at("gradient_norm").as_double();
    EXPECT_NEAR(result.gradient_norm, norm, kNormBound * std::max(1.0, norm)) << i;
    EXPECT_EQ(train::rank_budget_at(run.budget->options(), 4, i), row.at("budget").as_int());
    EXPECT_EQ(mask_of(run).dump(), row.at("mask").dump()) << i;
  }
  EXPECT_EQ(run.budget->budget_steps(), 7);
  EXPECT_EQ(run.budget->settled_step(), 10);
  // Written with the ranks that were left, as PEFT writes it.
  const TemporaryFolder copy;
  const auto weights = run.trainer->trained_weights();
  checkpoint::write_adapter(
      copy.path(),
      {.config = run.config(),
       .spec = run.spec(),
       .parameters = weights,
       .base = "llama-base",
       .settings = Json::object({{"init_r", 6}, {"lora_alpha", 9}, {"total_step", 12}}),
       .kept = run.budget->kept()});
  EXPECT_EQ(json_of(copy / "adapter_config.json").at("rank_pattern").dump(),
            json_of(folder / "final" / "adapter_config.json").at("rank_pattern").dump());
  PeftFiles written(peft_folder("llama-base"), copy.path());
  expect_final_values(written.parameters(), folder / "final");
}

}  // namespace
}  // namespace stemma::golden
