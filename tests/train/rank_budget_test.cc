// AdaLoRA's budget beside what the golden test of PEFT's course says of it: the schedule, settings
// that leave no budget step, the orthogonality term, several steps between two budget steps, and a
// run that goes on from a checkpoint.
#include "train/rank_budget.h"

#include <cmath>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "checkpoint/adapter_targets.h"
#include "nn/fresh_weights.h"
#include "tests/base/expect_error.h"
#include "tests/identity/support.h"
#include "tests/ops/gradient_check.h"
#include "train/orthogonality.h"

namespace stemma::train {
namespace {

const RankBudgetOptions kTwentySteps{
    .first_rank = 5, .rank = 2, .steps = 20, .warmup = 3, .settle = 4, .every = 3};

TEST(RankBudgetSchedule, FallsFromAllToTheTarget) {
  for (std::int64_t step = 0; step <= 3; ++step)
    EXPECT_EQ(rank_budget_at(kTwentySteps, 10, step), 50);
  for (std::int64_t step = 4; step < 16; ++step) {
    EXPECT_LT(rank_budget_at(kTwentySteps, 10, step), 50);
    EXPECT_LE(rank_budget_at(kTwentySteps, 10, step), rank_budget_at(kTwentySteps, 10, step - 1));
    EXPECT_GE(rank_budget_at(kTwentySteps, 10, step), 20);
  }
  // int(30 · (1 - 1/13)³ + 20) and int(30 · (1 - 7/13)³ + 20)
  EXPECT_EQ(rank_budget_at(kTwentySteps, 10, 4), 43);
  EXPECT_EQ(rank_budget_at(kTwentySteps, 10, 10), 22);
  EXPECT_EQ(rank_budget_at(kTwentySteps, 10, 16), 20);
  EXPECT_EQ(rank_budget_at(kTwentySteps, 10, 19), 20);
}

TEST(RankBudgetSettings, ThatLeaveNoBudgetStepAreRefused) {
  const nn::AdapterSpec spec;
  const auto with = [&](auto change) {
    RankBudgetOptions options = kTwentySteps;
    change(options);
    RankBudget(spec, options);
  };
  EXPECT_ERROR(with([](auto& o) { o.rank = 5; }), ErrorCode::invalid_argument,
               "less than init_rank");
  EXPECT_ERROR(with([](auto& o) { o.warmup = 16; }), ErrorCode::invalid_argument,
               "of 20 steps the first 16 drop nothing (budget_warmup) and the last 4");
  EXPECT_ERROR(with([](auto& o) { o.steps = 1, o.warmup = 0, o.settle = 1; }),
               ErrorCode::invalid_argument, "no step is left");
  with([](auto& o) { o.warmup = 15; });
}

// ‖A Aᵀ - I‖ in double.
double apart(const Tensor& a, bool columns) {
  const std::int64_t r = columns ? a.cols() : a.rows(), n = columns ? a.rows() : a.cols();
  const auto at = [&](std::int64_t i, std::int64_t k) {
    return static_cast<double>(a.data<float>()[columns ? k * r + i : i * n + k]);
  };
  double squares = 0;
  for (std::int64_t i = 0; i < r; ++i)
    for (std::int64_t j = 0; j < r; ++j) {
      double sum = i == j ? -1 : 0;
      for (std::int64_t k = 0; k < n; ++k) sum += at(i, k) * at(j, k);
      squares += sum * sum;
    }
  return std::sqrt(squares);
}

TEST(Orthogonality, MatchesFiniteDifferences) {
  Stream stream(2);
  for (const bool columns : {false, true}) {
    const Tensor a = ops::random_tensor(columns ? Shape{9, 4} : Shape{4, 9}, 1, DType::f32);
    Tensor gradient = Tensor::empty(a.shape(), DType::f32);
    std::fill_n(gradient.data<float>(), gradient.elements(), 1.0f);
    const double value =
        columns ? columns_apart(stream, a, 0.3, gradient) : rows_apart(stream, a, 0.3, gradient);
    EXPECT_NEAR(value, apart(a, columns), 1e-5);
    for (std::int64_t i = 0; i < a.elements(); ++i) {
      float& x = a.data<float>()[i];
      const float saved = x;
      x = saved + 0.0009765625f;
      const double up = apart(a, columns), above = static_cast<double>(x);
      x = saved - 0.0009765625f;
      const double wanted = (up - apart(a, columns)) / (above - static_cast<double>(x));
      x = saved;
      EXPECT_NEAR(gradient.data<float>()[i], 1 + 0.3 * wanted, 1e-4) << i;
    }
  }
}

// Rows of the identity: nothing to do, and no division by zero.
TEST(Orthogonality, OfOrthogonalRowsIsZero) {
  Stream stream(1);
  const Tensor a = Tensor::zeros({2, 3}, DType::f32), gradient = Tensor::zeros({2, 3}, DType::f32);
  a.data<float>()[0] = a.data<float>()[4] = 1;
  EXPECT_EQ(rows_apart(stream, a, 1, gradient), 0);
  for (std::int64_t i = 0; i < 6; ++i) EXPECT_EQ(gradient.data<float>()[i], 0);
}

// Twenty steps of a small model with AdaLoRA on q and v.
class BudgetRun {
  // The trainer, which uses them, goes first.
  TrainingCase case_{};
  nn::FreshWeights source_;
  Stream stream_{2};

 public:
  // Where it goes on, its own fresh adapter is another one.
  explicit BudgetRun(std::uint64_t seed = 9) : source_(seed) {
    case_.config = small_config("llama");
    case_.numerics = ops::Numerics::f32();
    case_.batch = case_.micro_batch = 2;
    const auto units = checkpoint::units_named(case_.config, {"q", "v"});
    TrainerSettings settings = case_.settings();
    settings.schedule = {1e-2, 1e-2, 0, 20};
    settings.adapter = checkpoint::low_rank_spec(units, {.rank = 5, .alpha = 10, .adaptive = true});
    settings.trainable = [](std::string_view name) { return name.starts_with(nn::kAdapterPrefix); };
    settings.hook = budget = std::make_shared<RankBudget>(*settings.adapter, kTwentySteps);
    Base base{source_};
    trainer = std::make_unique<Trainer>(case_.config, settings, base, case_.objective(), stream_);
  }

  std::map<std::string, std::vector<float>> values_now() const {
    std::map<std::string, std::vector<float>> all;
    for (const auto& w : trainer->trained_weights()) all[w.name] = values(w.tensor);
    return all;
  }
  std::int64_t dropped_now() const {
    std::int64_t zeros = 0;
    for (const auto& [name, value] : values_now())
      if (name.ends_with(".e")) zeros += std::count(value.begin(), value.end(), 0.0f);
    return zeros;
  }
  std::int64_t kept_now() const {
    std::int64_t all = 0;
    for (const auto& [name, flags] : budget->kept())
      all += std::count(flags.begin(), flags.end(), true);
    return all;
  }

  std::shared_ptr<RankBudget> budget;
  std::unique_ptr<Trainer> trainer;

 private:
  // The base is the same whatever the adapter's seed is.
  struct Base final : nn::WeightSource {
    explicit Base(nn::WeightSource& from) : adapter(from) {}
    Weight load(const nn::ParameterSpec& spec) override {
      return spec.name.starts_with(nn::kAdapterPrefix) ? adapter.load(spec) : base.load(spec);
    }
    nn::FreshWeights base{3};
    nn::WeightSource& adapter;
  };
};

TEST(RankBudgetRun, DropsAtBudgetStepsAndHoldsThemAtTheEnd) {
  BudgetRun run;
  const std::int64_t all = 4 * 5;
  for (std::int64_t step = 0; step < 20; ++step) {
    const StepResult r = run.trainer->step().value();
    ASSERT_NE(find_metric(r.columns, "orthogonality"), nullptr);
    EXPECT_GT(r.columns[0].value, 0);
    const bool shares = step == 6 || step == 9 || step == 12 || step == 15 || step == 16;
    const std::int64_t budget = rank_budget_at(kTwentySteps, 4, step);
    if (step < 6) {
      EXPECT_TRUE(run.budget->kept().empty());
      EXPECT_EQ(run.dropped_now(), 0);
    } else if (shares || step > 16) {
      EXPECT_EQ(run.dropped_now(), all - budget) << step;
      EXPECT_EQ(run.kept_now(), budget) << step;
    } else {
      // In between nothing is set to 0: what has moved counts.
      EXPECT_EQ(run.dropped_now(), 0) << step;
      EXPECT_EQ(run.kept_now(), all) << step;
    }
  }
  EXPECT_EQ(run.budget->budget_steps(), 5);
  EXPECT_EQ(run.budget->settled_step(), 17);
}

TEST(RankBudgetRun, GoesOnWithTheSameBits) {
  BudgetRun whole;
  for (int i = 0; i < 20; ++i) whole.trainer->step();
  for (const int stop : {2, 8, 18}) {
    BudgetRun first;
    for (int i = 0; i < stop; ++i) first.trainer->step();
    BudgetRun second(77);
    EXPECT_NE(second.values_now(), first.values_now());
    second.trainer->resume(first.trainer->state(), first.trainer->optimizer_state());
    EXPECT_EQ(second.budget->kept(), first.budget->kept());
    for (int i = stop; i < 20; ++i) second.trainer->step();
    EXPECT_EQ(second.values_now(), whole.values_now()) << stop;
    EXPECT_EQ(second.budget->kept(), whole.budget->kept());
  }
}

TEST(RankBudgetRun, RefusesTheStateOfAnotherRun) {
  BudgetRun run;
  std::vector<checkpoint::NamedTensor> state = run.trainer->optimizer_state();
  state.pop_back();
  EXPECT_ERROR(run.trainer->resume({}, state), ErrorCode::corrupt, "rank_budget.");
}

TEST(RanksText, NamesLayersAndMatrices) {
  nn::AdapterSpec spec;
  spec.low_rank = {{"blocks.0.attention.qkv", "q", 0, 8, 8, 2, 1},
                   {"blocks.0.attention.out", "", 0, 8, 8, 0, 1},
                   {"blocks.11.attention.qkv", "v", 0, 8, 8, 3, 1}};
  EXPECT_EQ(ranks_text(spec), "layer 0: q 2, out 0; layer 11: v 3");
}

}  // namespace
}  // namespace stemma::train
