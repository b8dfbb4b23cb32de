#include "tasks/task.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::tasks {

// Defined in a file each.
std::unique_ptr<Task> make_classification(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_tokens(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_entailment(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_similarity(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_choice(TaskDescription description, const Tokenizer& tokenizer);

std::unique_ptr<Task> make_task(TaskDescription description, const Tokenizer& tokenizer) {
  switch (description.kind) {
    case TaskKind::classification:
      return make_classification(std::move(description), tokenizer);
    case TaskKind::tokens:
      return make_tokens(std::move(description), tokenizer);
    case TaskKind::entailment:
      return make_entailment(std::move(description), tokenizer);
    case TaskKind::similarity:
      return make_similarity(std::move(description), tokenizer);
    case TaskKind::choice:
      break;
  }
  return make_choice(std::move(description), tokenizer);
}

Task::Task(TaskDescription description, const Tokenizer& tokenizer)
    : description_(std::move(description)),
      framer_(tokenizer, description_.marks, description_.max_tokens) {}

EncodedExample Task::encode(const labelled::Row& row) const {
  EncodedExample example;
  encode_texts(row, example);
  for (const Framed& text : example.texts) example.tokens += std::ssize(text.ids);
  example.wanted = wanted_of(row, example);
  return example;
}

ops::GroupLoss Task::loss() const {
  if (description_.problem == kMultiLabel) return ops::GroupLoss::sigmoid;
  if (description_.problem == kRegression) return ops::GroupLoss::squared;
  return ops::GroupLoss::softmax;
}

void Task::add_text(std::string_view text, EncodedExample& example) const {
  const std::vector<std::int32_t> ids = framer_.ids(text);
  if (!description_.windows) {
    example.texts.push_back(framer_.one(ids, example.cut_tokens));
    example.terms.push_back(
        {.row = example.rows - 1, .text = static_cast<std::int32_t>(example.texts.size()) - 1});
    return;
  }
  // The vectors of all windows in equal shares.
  const std::vector<Framed> windows = framer_.windows(ids);
  for (const Framed& window : windows) {
    example.texts.push_back(window);
    example.terms.push_back({.row = example.rows - 1,
                             .text = static_cast<std::int32_t>(example.texts.size()) - 1,
                             .weight = 1.0f / static_cast<float>(windows.size())});
  }
}

void Task::add_pair(std::string_view first, std::string_view second,
                    EncodedExample& example) const {
  const std::vector<std::int32_t> a = framer_.ids(first), b = framer_.ids(second);
  const auto add = [&](const Framed& text) {
    example.texts.push_back(text);
    example.terms.push_back(
        {.row = example.rows - 1, .text = static_cast<std::int32_t>(example.texts.size()) - 1});
  };
  add(framer_.two(a, b, example.cut_tokens));
  std::int64_t counted = 0;
  if (description_.both_orders) add(framer_.two(b, a, counted));
}

std::vector<float> Task::wanted_of(const labelled::Row& row,
                                   const EncodedExample& /*example*/) const {
  if (description_.problem == kRegression) {
    if (row.labels.empty()) return {};
    return {static_cast<float>(number_of(row))};
  }
  const bool many = description_.problem == kMultiLabel;
  if (row.labels.empty() && !many) return {};
  std::vector<float> wanted(description_.labels.size());
  for (const std::string& label : row.labels) {
    const std::int64_t index = description_.label_index(label);
    if (index < 0) return {};
    wanted[static_cast<std::size_t>(index)] = 1;
  }
  return wanted;
}

Prediction Task::predict(const labelled::Row& /*row*/, const EncodedExample& /*example*/,
                         std::span<const float> scores) const {
  Prediction p;
  if (description_.problem == kRegression) {
    p.score = static_cast<double>(scores.front());
    return p;
  }
  if (description_.problem != kMultiLabel) {
    p.probabilities = softmax(scores);
    p.label = largest(p.probabilities);
    return p;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    p.probabilities.push_back(1 / (1 + std::exp(-static_cast<double>(scores[i]))));
    if (p.probabilities.back() > 0.5) p.labels.push_back(static_cast<std::int64_t>(i));
  }
  p.label = largest(p.probabilities);
  return p;
}

std::vector<double> softmax(std::span<const float> scores) {
  std::vector<double> p(scores.begin(), scores.end());
  const double top = p.empty() ? 0 : *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& x : p) sum += x = std::exp(x - top);
  for (double& x : p) x /= sum;
  return p;
}

std::int64_t largest(std::span<const double> values) {
  return values.empty() ? -1 : std::max_element(values.begin(), values.end()) - values.begin();
}

double number_of(const labelled::Row& row) {
  const std::string& text = row.labels.front();
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (row.labels.size() == 1 && failure == std::errc() && end == text.data() + text.size() &&
      std::isfinite(value))
    return value;
  throw Error(
      ErrorCode::corrupt,
      fmt::format("[task] line {}: the label '{}' is no finite number, and this task learns "
                  "numbers: mend the row, or leave it out with --bad-rows skip",
                  row.line, text));
}

}  // namespace stemma::tasks
