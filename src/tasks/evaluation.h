// What a model answers on labelled rows, and how good that is: the one place from which the
// evaluations of a training run, `eval task` and the final report have their figures.
//
//   const Answers answers = answer_all(inference, task, examples, rows);
//   const std::vector<train::Metric> columns = quick_figures(task, rows, answers);
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tasks/head_pass.h"
#include "tasks/metrics/entities.h"
#include "tasks/metrics/multi_label.h"
#include "tasks/metrics/single_label.h"
#include "tasks/task.h"
#include "tasks/task_data.h"
#include "train/objective.h"

namespace stemma::tasks {

struct Answers {
  std::vector<Prediction> predictions;  // one a row
  double loss = 0;                      // Σ over the answers of rows with labels
  std::int64_t labelled = 0;            // those answers: rows, or words

  double mean_loss() const;
};

// A task and the head that answers for it; without `parts`: head `head` of the model itself.
struct Responder {
  const Task* task = nullptr;
  HeadParts parts = {};
  std::size_t head = 0;
};

// Examples that go through one model, each to the head (and the adapter of the same number) that
// `which` says; empty: all to the first.
struct Asked {
  std::vector<Responder> responders;
  const std::vector<EncodedExample>& examples;
  const std::vector<labelled::Row>& rows;
  std::vector<std::size_t> which;

  std::size_t head(std::size_t example) const { return which.empty() ? 0 : which[example]; }
};

// Runs the examples through the model, several at a time, in their order. What one answers does not
// depend on the others.
Answers answer_all(const train::Inference& inference, const Asked& asked);
// The same with one task, by a head of the model itself.
Answers answer_all(const train::Inference& inference, const Task& task,
                   const std::vector<EncodedExample>& examples,
                   const std::vector<labelled::Row>& rows, std::size_t head = 0);

// "val_loss" and the task's figures as columns of metrics.jsonl: accuracy, macro_f1, matthews;
// micro_f1 of several labels; pearson and spearman of numbers; entity_f1.
std::vector<std::string_view> figure_columns(const TaskDescription& task);
// The column by which the best weights are chosen where nobody says another.
std::string_view usual_best(const TaskDescription& task);
std::vector<train::Metric> quick_figures(const TaskDescription& task,
                                         const std::vector<labelled::Row>& rows,
                                         const Answers& answers);

// Gold answers and predictions as the metrics take them. What the spans of the metrics' structs
// refer to.
struct SingleLabelColumns {
  std::vector<int> gold, predicted;
  std::vector<double> probabilities;
  std::vector<std::string> unseen;
  std::vector<std::size_t> groups;
  SingleLabelAnswers answers(const TaskDescription& task) const {
    return {task.labels, gold, predicted, probabilities, unseen, groups};
  }
};
SingleLabelColumns single_label_columns(const TaskDescription& task,
                                        const std::vector<labelled::Row>& rows,
                                        const Answers& answers);
// Of tokens without entities: every word is an example, and intervals draw sentences.
SingleLabelColumns word_columns(const TaskDescription& task, const std::vector<labelled::Row>& rows,
                                const Answers& answers);
struct MultiLabelColumns {
  std::vector<std::uint8_t> gold, predicted;
  std::vector<double> probabilities;
  std::vector<UnseenLabel> unseen;
  MultiLabelAnswers answers(const TaskDescription& task) const {
    return {task.labels, gold, predicted, unseen};
  }
};
MultiLabelColumns multi_label_columns(const TaskDescription& task,
                                      const std::vector<labelled::Row>& rows,
                                      const Answers& answers);
struct NumberColumns {
  std::vector<double> gold, predicted;
};
NumberColumns number_columns(const std::vector<labelled::Row>& rows, const Answers& answers);
struct ChoiceColumns {
  std::vector<int> gold, predicted;
  std::vector<double> confidence;
};
ChoiceColumns choice_columns(const std::vector<labelled::Row>& rows, const Answers& answers);
std::vector<TaggedSentence> tagged_sentences(const std::vector<labelled::Row>& rows,
                                             const Answers& answers);
// The rows that have labels: the columns above hold these only, in this order.
std::vector<std::size_t> labelled_rows(const TaskDescription& task,
                                       const std::vector<labelled::Row>& rows);
bool has_entities(const TaskDescription& task);

}  // namespace stemma::tasks
