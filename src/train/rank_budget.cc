#include "train/rank_budget.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/import_rules.h"
#include "kernels/elementwise.h"
#include "kernels/host.h"
#include "train/orthogonality.h"
#include "train/saved_tensors.h"

namespace stemma::train {
namespace {

[[noreturn]] void refuse_budget(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "[adalora] " + what);
}

const nn::Parameter& parameter_named(const nn::Parameters& parameters, const std::string& name) {
  for (const nn::Parameter& p : parameters.list())
    if (p.spec.name == name) return p;
  refuse_budget(fmt::format("'{}' is not trained: AdaLoRA trains all of its factors", name));
}

// sensitivity · uncertainty of every element.
std::vector<double> element_scores(Stream& stream, const kernels::Importance& importance) {
  const std::vector<float> s = kernels::to_host<float>(stream, importance.sensitivity);
  const std::vector<float> u = kernels::to_host<float>(stream, importance.uncertainty);
  std::vector<double> scores(s.size());
  for (std::size_t i = 0; i < s.size(); ++i)
    scores[i] = static_cast<double>(s[i]) * static_cast<double>(u[i]);
  return scores;
}

// scores[i] += mean of row i.
void add_row_means(const std::vector<double>& values, std::vector<double>& scores) {
  const std::size_t columns = values.size() / scores.size();
  for (std::size_t i = 0; i < scores.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < columns; ++j) sum += values[i * columns + j];
    scores[i] += sum / static_cast<double>(columns);
  }
}

// scores[i] += mean of column i.
void add_column_means(const std::vector<double>& values, std::vector<double>& scores) {
  const std::size_t rows = values.size() / scores.size();
  for (std::size_t i = 0; i < scores.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < rows; ++j) sum += values[j * scores.size() + i];
    scores[i] += sum / static_cast<double>(rows);
  }
}

}  // namespace

std::int64_t rank_budget_at(const RankBudgetOptions& o, std::int64_t matrices, std::int64_t step) {
  const auto all = static_cast<double>(o.first_rank * matrices);
  const auto target = static_cast<double>(o.rank * matrices);
  if (step <= o.warmup) return o.first_rank * matrices;
  const std::int64_t end = o.steps - o.settle;
  if (step >= end) return o.rank * matrices;
  const double left =
      1 - static_cast<double>(step - o.warmup) / static_cast<double>(end - o.warmup);
  return static_cast<std::int64_t>((all - target) * std::pow(left, 3) + target);
}

RankBudget::RankBudget(const nn::AdapterSpec& spec, const RankBudgetOptions& options)
    : spec_(spec), options_(options), budget_steps_(Tensor::zeros({1}, DType::f32)) {
  const RankBudgetOptions& o = options_;
  if (o.rank < 1 || o.rank >= o.first_rank)
    refuse_budget(
        fmt::format("the ranks begin at init_rank ({}) and end at rank ({}): rank must be "
                    "at least 1 and less than init_rank",
                    o.first_rank, o.rank));
  if (o.every < 1 || o.warmup < 0 || o.settle < 1 || o.warmup >= o.steps - o.settle)
    refuse_budget(fmt::format(
        "no step is left to share out the budget: of {} steps the first {} drop nothing "
        "(budget_warmup) and the last {} keep what there is (budget_final); lower these, or train "
        "longer",
        o.steps, o.warmup, o.settle));
  for (const nn::LowRankSpec& item : spec_.low_rank)
    matrices_.push_back({item.name(), {}, {}, {}, {}});
}

RankBudget::Part RankBudget::part_of(const nn::Parameters& parameters, const std::string& name) {
  const nn::Parameter& p = parameter_named(parameters, name);
  const auto zeros = [&] { return Tensor::zeros(p.spec.shape, DType::f32); };
  return {p.value, p.gradient, zeros(), {zeros(), zeros()}};
}

void RankBudget::attach(const nn::Parameters& parameters) {
  for (Matrix& m : matrices_) {
    m.a = part_of(parameters, m.name + ".a");
    m.b = part_of(parameters, m.name + ".b");
    m.e = part_of(parameters, m.name + ".e");
    m.kept = Tensor::zeros({m.e.value.rows(), 1}, DType::f32);
    std::fill_n(m.kept.data<float>(), m.kept.elements(), 1.0f);
  }
}

std::vector<Metric> RankBudget::before_update(Stream& stream) {
  const double share = options_.orthogonality / (2 * static_cast<double>(matrices_.size()));
  double term = 0;
  for (const Matrix& m : matrices_) {
    if (share > 0) {
      term += share * rows_apart(stream, m.a.value, share, m.a.gradient);
      term += share * columns_apart(stream, m.b.value, share, m.b.gradient);
    }
    for (const Part* part : {&m.a, &m.b, &m.e})
      kernels::convert(stream, part->gradient, part->copied);
  }
  return {{"orthogonality", term}};
}

void RankBudget::after_update(Stream& stream, const StepUpdate& update) {
  const std::int64_t step = update.step - 1;  // PEFT counts from 0
  const std::int64_t end = options_.steps - options_.settle;
  if (step < end) update_importance(stream, update.gradient_scale);
  const bool shares =
      step > options_.warmup && step <= end && (step % options_.every == 0 || step == end);
  if (shares) share_out(stream, rank_budget_at(options_, std::ssize(matrices_), step));
  if (shares || step > end) drop(stream);
  if (step == end) log_ranks();
}

void RankBudget::update_importance(Stream& stream, double gradient_scale) {
  for (const Matrix& m : matrices_)
    for (const Part* part : {&m.a, &m.b, &m.e})
      kernels::update_importance(stream, {options_.beta1, options_.beta2, gradient_scale},
                                 part->value, part->copied, part->importance);
}

// The triplets with the largest scores of all matrices together stay; as many as the budget has, or
// fewer where scores are equal.
void RankBudget::share_out(Stream& stream, std::int64_t budget) {
  std::vector<std::vector<double>> scores;
  std::vector<double> all;
  for (const Matrix& m : matrices_) {
    scores.push_back(element_scores(stream, m.e.importance));
    add_row_means(element_scores(stream, m.a.importance), scores.back());
    add_column_means(element_scores(stream, m.b.importance), scores.back());
    all.insert(all.end(), scores.back().begin(), scores.back().end());
  }
  const std::int64_t dropped = std::ssize(all) - budget;
  *budget_steps_.data<float>() += 1;
  if (dropped < 1) return;
  const auto last_dropped = all.begin() + (dropped - 1);
  std::nth_element(all.begin(), last_dropped, all.end());
  for (std::size_t i = 0; i < matrices_.size(); ++i)
    for (std::size_t j = 0; j < scores[i].size(); ++j)
      matrices_[i].kept.data<float>()[j] = scores[i][j] > *last_dropped ? 1.0f : 0.0f;
}

void RankBudget::drop(Stream& stream) {
  for (const Matrix& m : matrices_) {
    std::vector<float> e = kernels::to_host<float>(stream, m.e.value);
    for (std::size_t j = 0; j < e.size(); ++j)
      if (m.kept.data<float>()[j] == 0) e[j] = 0;
    kernels::copy_from_host(stream, std::span<const float>(e), m.e.value);
  }
}

std::int64_t RankBudget::budget_steps() const {
  return static_cast<std::int64_t>(*budget_steps_.data<float>());
}

std::map<std::string, std::vector<bool>> RankBudget::kept() const {
  std::map<std::string, std::vector<bool>> all;
  if (budget_steps() == 0) return all;
  for (const Matrix& m : matrices_) {
    std::vector<bool>& flags = all[m.name];
    for (std::int64_t j = 0; j < m.kept.elements(); ++j)
      flags.push_back(m.kept.data<float>()[j] != 0 || m.e.value.data<float>()[j] != 0);
  }
  return all;
}

// With the values: an adapter's file has only those of the triplets that count.
std::vector<checkpoint::NamedTensor> RankBudget::state() const {
  std::vector<checkpoint::NamedTensor> list{{"rank_budget.steps", budget_steps_}};
  for (const Matrix& m : matrices_) {
    list.push_back({"rank_budget.kept." + m.name, m.kept});
    for (const auto& [part, ending] : {std::pair{&m.a, ".a"}, {&m.b, ".b"}, {&m.e, ".e"}}) {
      list.push_back({"rank_budget.value." + m.name + ending, part->value});
      list.push_back({"rank_budget.sensitivity." + m.name + ending, part->importance.sensitivity});
      list.push_back({"rank_budget.uncertainty." + m.name + ending, part->importance.uncertainty});
    }
  }
  return list;
}

void RankBudget::restore(const std::vector<checkpoint::NamedTensor>& saved) {
  put_back(saved, state());
}

void RankBudget::log_ranks() const {
  nn::AdapterSpec left = spec_;
  const auto flags = kept();
  for (nn::LowRankSpec& item : left.low_rank) {
    const std::vector<bool>& mine = flags.at(item.name());
    item.rank = std::count(mine.begin(), mine.end(), true);
  }
  log_info(fmt::format("AdaLoRA's ranks from here on, of {} in each matrix: {}",
                       options_.first_rank, ranks_text(left)));
}

std::string ranks_text(const nn::AdapterSpec& spec) {
  std::string text;
  std::string_view layer;
  for (const nn::LowRankSpec& item : spec.low_rank) {
    const std::string_view number = checkpoint::split_block_name(item.linear).first;
    if (number != layer || text.empty())
      text += fmt::format("{}layer {}: ", text.empty() ? "" : "; ", number);
    else
      text += ", ";
    layer = number;
    const std::string word = item.linear.substr(item.linear.rfind('.') + 1);
    text += fmt::format("{} {}", item.part.empty() ? word : item.part, item.rank);
  }
  return text;
}

}  // namespace stemma::train
