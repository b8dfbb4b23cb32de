#include "tasks/task_data.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "tasks/task.h"

namespace stemma::tasks {
namespace {

constexpr std::size_t kMostClassesOfNumbers = 10;
constexpr std::size_t kShownLabels = 12;

[[noreturn]] void bad_data(const TaskRows& rows, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[finetune] {}: {}", rows.path.string(), what));
}

std::optional<double> as_number(const std::string& text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::optional<double> as_finite_number(const std::string& text) {
  const auto value = as_number(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

// "O" before everything, then numbers by value, then the rest by the alphabet.
bool label_order(const std::string& a, const std::string& b) {
  if ((a == "O") != (b == "O")) return a == "O";
  const auto x = as_finite_number(a), y = as_finite_number(b);
  if (x.has_value() != y.has_value()) return x.has_value();
  if (x && y && *x != *y) return *x < *y;
  return a < b;
}

using Names = std::map<std::string, std::int64_t, decltype(&label_order)>;

Names names_of(const TaskRows& rows, bool words) {
  Names names(&label_order);
  for (const labelled::Row& row : rows.rows)
    for (const std::string& label : words ? row.tags : row.labels) ++names[label];
  return names;
}

bool several_labels(const TaskRows& rows) {
  return std::any_of(rows.rows.begin(), rows.rows.end(),
                     [](const labelled::Row& row) { return row.labels.size() > 1; });
}

std::string problem_of(const TaskRows& train, TaskKind kind, const Names& names) {
  if (kind == TaskKind::choice) return std::string(kChoice);
  if (several_labels(train)) return std::string(kMultiLabel);
  // "nan" among numbers is a damaged number, and said as one, no class of its own.
  const bool numbers = std::all_of(names.begin(), names.end(), [](const auto& label) {
    return as_number(label.first).has_value();
  });
  if (kind == TaskKind::similarity && numbers && names.size() > kMostClassesOfNumbers)
    return std::string(kRegression);
  return std::string(kSingleLabel);
}

void survey_numbers(const TaskRows& train, LabelSurvey& survey) {
  bool first = true;
  for (const labelled::Row& row : train.rows) {
    if (row.labels.empty()) continue;
    double value = 0;
    try {
      value = number_of(row);
    } catch (const Error& error) {
      bad_data(train, error.what());
    }
    survey.least = first ? value : std::min(survey.least, value);
    survey.most = first ? value : std::max(survey.most, value);
    first = false;
  }
  if (survey.least == survey.most)
    bad_data(train, fmt::format("every label is {}: there is nothing to learn", survey.least));
  survey.labels = {{"score", static_cast<std::int64_t>(train.rows.size()) - survey.unlabelled}};
}

void survey_tags(TaskRows& train, LabelSurvey& survey) {
  labelled::TagSchemeFinder finder;
  for (const labelled::Row& row : train.rows)
    if (!row.tags.empty()) finder.add(row.tags);
  survey.tags = finder.found();
  log_info(survey.tags->says);
  for (labelled::Row& row : train.rows) labelled::normalise_tags(row.tags, survey.tags->scheme);
}

void survey_choices(TaskRows& train, LabelSurvey& survey) {
  const labelled::ChoiceLabels labels = labelled::choice_labels(train.rows);
  survey.choice = labels.writing;
  log_info(labels.says);
  for (std::size_t i = 0; i < train.rows.size(); ++i)
    if (labels.indices[i] >= 0) train.rows[i].labels = {std::to_string(labels.indices[i])};
}

constexpr std::array<std::string_view, 4> kChoiceWritings = {"from_0", "from_1", "letters",
                                                             "texts"};

labelled::ChoiceWriting writing_named(std::string_view name) {
  for (std::size_t i = 0; i < kChoiceWritings.size(); ++i)
    if (kChoiceWritings[i] == name) return static_cast<labelled::ChoiceWriting>(i);
  return labelled::ChoiceWriting::from_0;
}

// The scheme that normalised tags have.
labelled::TagScheme scheme_of(const TaskRows& rows) {
  labelled::TagSchemeFinder finder;
  for (const labelled::Row& row : rows.rows)
    if (!row.tags.empty()) finder.add(row.tags);
  return finder.found().scheme;
}

}  // namespace

labelled::Wanted wanted_by(TaskKind kind) {
  switch (kind) {
    case TaskKind::tokens:
      return labelled::Wanted::words;
    case TaskKind::entailment:
    case TaskKind::similarity:
      return labelled::Wanted::pair;
    case TaskKind::choice:
      return labelled::Wanted::choice;
    case TaskKind::classification:
      break;
  }
  return labelled::Wanted::text;
}

std::string TaskRows::place(std::size_t row) const {
  return fmt::format("{}:{}", path.filename().string(), rows[row].line);
}

TaskRows read_task_rows(const std::filesystem::path& path, const labelled::RowOptions& columns,
                        TaskKind kind) {
  labelled::RowNotes notes;
  TaskRows rows{path, labelled::read_rows(path, columns, wanted_by(kind), &notes)};
  labelled::log_rows(path, notes);
  if (columns.needs_label && notes.unlabelled == notes.rows)
    bad_data(rows, "no row has a label: name its column with --label-column");
  return rows;
}

LabelSurvey survey_labels(TaskRows& train, TaskKind kind, const std::string& problem) {
  LabelSurvey survey;
  const bool words = kind == TaskKind::tokens;
  for (const labelled::Row& row : train.rows)
    survey.unlabelled += (words ? row.tags : row.labels).empty();
  if (words) survey_tags(train, survey);
  if (kind == TaskKind::choice) survey_choices(train, survey);
  const Names names = names_of(train, words);
  survey.problem = problem == "auto" ? problem_of(train, kind, names) : problem;
  if (survey.problem == kRegression) {
    survey_numbers(train, survey);
    return survey;
  }
  survey.labels.assign(names.begin(), names.end());
  if (names.size() < 2 && kind != TaskKind::choice)
    bad_data(train, fmt::format("all training rows have one label, '{}': a classifier needs two "
                                "(--label-column names the column of labels)",
                                names.empty() ? "" : names.begin()->first));
  const auto labelled_rows = static_cast<std::int64_t>(train.rows.size()) - survey.unlabelled;
  if (!words && kind != TaskKind::choice && survey.problem == kSingleLabel && names.size() > 20 &&
      2 * std::ssize(names) > labelled_rows)
    log_warning(
        fmt::format("[finetune] there are {} different labels in {} rows: is "
                    "--label-column right?",
                    names.size(), labelled_rows));
  return survey;
}

void log_labels(const LabelSurvey& survey, TaskKind kind) {
  if (survey.unlabelled > 0)
    log_warning(
        fmt::format("[finetune] {} training rows without a label are left out", survey.unlabelled));
  if (survey.problem == kRegression) {
    log_info(fmt::format("labels are numbers from {} to {}: the model learns a number (regression)",
                         survey.least, survey.most));
    return;
  }
  std::vector<std::pair<std::string, std::int64_t>> by_count = survey.labels;
  std::stable_sort(by_count.begin(), by_count.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < std::min(by_count.size(), kShownLabels); ++i)
    text += fmt::format("{}{} {}", i ? ", " : "", by_count[i].first, by_count[i].second);
  if (by_count.size() > kShownLabels)
    text += fmt::format(", and {} more, the rarest {} with {}", by_count.size() - kShownLabels,
                        by_count.back().first, by_count.back().second);
  log_info(fmt::format("{} {}{}: {}", by_count.size(),
                       kind == TaskKind::tokens   ? "tags of words"
                       : kind == TaskKind::choice ? "answers"
                                                  : "labels",
                       survey.problem == kMultiLabel ? " (a row can have several)" : "", text));
}

void canonical_labels(TaskRows& rows, const TaskDescription& task) {
  if (task.kind == TaskKind::tokens) {
    const labelled::TagScheme scheme = scheme_of(rows);
    for (labelled::Row& row : rows.rows) labelled::normalise_tags(row.tags, scheme);
  }
  if (task.kind == TaskKind::choice) {
    const labelled::ChoiceLabels labels =
        labelled::choice_labels(rows.rows, writing_named(task.choice_labels));
    for (std::size_t i = 0; i < rows.rows.size(); ++i)
      if (labels.indices[i] >= 0) rows.rows[i].labels = {std::to_string(labels.indices[i])};
  }
}

void warn_of_unseen(const TaskRows& rows, const TaskDescription& task) {
  if (task.problem == kRegression || task.problem == kChoice) return;
  std::string text;
  std::int64_t count = 0;
  for (const auto& [name, times] : names_of(rows, task.kind == TaskKind::tokens)) {
    if (task.label_index(name) >= 0) continue;
    text += fmt::format("{}'{}' ({})", text.empty() ? "" : ", ", name, times);
    count += times;
  }
  if (count > 0)
    log_warning(
        fmt::format("[finetune] {} has labels that training never saw: {}. No model can "
                    "find them: they count as wrong",
                    rows.path.string(), text));
}

std::string choice_name(const TaskDescription& task, const labelled::Row& row, std::int64_t index) {
  switch (writing_named(task.choice_labels)) {
    case labelled::ChoiceWriting::from_1:
      return std::to_string(index + 1);
    case labelled::ChoiceWriting::letters:
      return std::string(1, static_cast<char>('A' + index));
    case labelled::ChoiceWriting::texts:
      return row.choices[static_cast<std::size_t>(index)];
    case labelled::ChoiceWriting::from_0:
      break;
  }
  return std::to_string(index);
}

}  // namespace stemma::tasks
