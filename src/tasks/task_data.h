// The labelled rows of a task: read, their labels in one form, and what the labels of the training
// data say about the task (which labels there are, whether they are classes or numbers).
//
//   TaskRows train = read_task_rows("train.tsv", columns, TaskKind::classification);
//   const LabelSurvey survey = survey_labels(train, options);
//   log_labels(survey);                       // before training: every label with its count
//   canonical_labels(train, survey);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/labelled/choice_labels.h"
#include "data/labelled/rows.h"
#include "data/labelled/tag_scheme.h"
#include "tasks/description.h"

namespace stemma::tasks {

// What rows of a task have.
labelled::Wanted wanted_by(TaskKind kind);

struct TaskRows {
  std::filesystem::path path;
  std::vector<labelled::Row> rows;

  std::string place(std::size_t row) const;  // "train.tsv:17"
};

// Reads and says how. Throws what labelled::RowReader throws; corrupt where no row has a label.
TaskRows read_task_rows(const std::filesystem::path& path, const labelled::RowOptions& columns,
                        TaskKind kind);

struct LabelSurvey {
  std::string problem;  // description.h
  // Labels (of words: tags) with the number of rows (words) that have each: numbers by value,
  // others by the alphabet, "O" first.
  std::vector<std::pair<std::string, std::int64_t>> labels;
  std::int64_t unlabelled = 0;  // rows
  double least = 0, most = 0;   // of numbers
  std::optional<labelled::TagSchemeNotes> tags;
  std::optional<labelled::ChoiceWriting> choice;
};

// `problem`: "auto", or one of description.h's. auto: numbers where a similarity has more than ten
// different ones, multi-label where a row has two labels, classes otherwise. Throws corrupt: labels
// that are no numbers where numbers are wanted, one class only.
LabelSurvey survey_labels(TaskRows& train, TaskKind kind, const std::string& problem);
// One line a label, the most frequent first; of many the first ones.
void log_labels(const LabelSurvey& survey, TaskKind kind);

// Brings the labels of further rows into the form of the training rows: tags of another scheme,
// numbers of candidates from 0. Throws corrupt where they do not fit.
void canonical_labels(TaskRows& rows, const TaskDescription& task);
// Says which labels of `rows` training never saw, with counts; such rows count as wrong.
void warn_of_unseen(const TaskRows& rows, const TaskDescription& task);

// How a data set names candidate `index` of a row.
std::string choice_name(const TaskDescription& task, const labelled::Row& row, std::int64_t index);

}  // namespace stemma::tasks
