#include "tasks/evaluation.h"

#include <algorithm>

#include "data/labelled/tag_scheme.h"
#include "kernels/host.h"
#include "tasks/metrics/choice.h"
#include "tasks/metrics/regression.h"

namespace stemma::tasks {
namespace {

// Figures alone: an evaluation during training needs no intervals.
constexpr BootstrapSettings kNoIntervals{.resamples = 0};

// Examples whose head is `head`, in their order.
void answer_batch(const train::States& states, const Asked& asked, std::size_t head,
                  std::size_t first, std::size_t end, Answers& answers) {
  const Responder& responder = asked.responders[head];
  const HeadParts parts =
      responder.parts.scores ? responder.parts : head_of(states.model, responder.head);
  const Tensor scores = head_scores(states, parts, head);
  answers.loss += kernels::read_scalar(states.ctx.stream(),
                                       head_loss(states, *responder.task, scores, 1.0, head));
  const std::vector<float> values = kernels::to_host<float>(states.ctx.stream(), scores);
  const auto k = static_cast<std::size_t>(responder.task->description().outputs());
  std::size_t at = 0;
  for (std::size_t i = first; i < end; ++i) {
    if (asked.head(i) != head) continue;
    const EncodedExample& example = asked.examples[i];
    const std::size_t size = static_cast<std::size_t>(example.rows) * k;
    answers.predictions[i] = responder.task->predict(
        asked.rows[i], example, std::span<const float>(values).subspan(at, size));
    if (!example.wanted.empty())
      answers.labelled += responder.task->one_answer() ? 1 : example.rows;
    at += size;
  }
}

}  // namespace

double Answers::mean_loss() const {
  return loss / static_cast<double>(std::max<std::int64_t>(labelled, 1));
}

Answers answer_all(const train::Inference& inference, const Asked& asked) {
  // Tokens that go through the model together: few enough for their activations to stay in the L3
  // cache (MiniLM needs 16 kB a token).
  constexpr std::int64_t kTokensAtOnce = 1024;
  const std::size_t heads = asked.responders.size();
  Answers answers;
  Batch batch;
  for (std::size_t first = 0; first < asked.examples.size();) {
    clear_batch(batch, heads);
    std::size_t end = first;
    while (end < asked.examples.size() &&
           (end == first || batch.tokens() + asked.examples[end].tokens <= kTokensAtOnce)) {
      const std::size_t head = asked.head(end);
      append(batch, *asked.responders[head].task, asked.examples[end], 0, head);
      if (heads > 1)
        batch.adapters.resize(static_cast<std::size_t>(batch.sequences()),
                              static_cast<std::int32_t>(head));
      ++end;
    }
    answers.predictions.resize(end);
    if (batch.tokens() > 0)
      inference.run(batch, [&](const train::States& states) {
        for (std::size_t head = 0; head < heads; ++head)
          if (batch.heads[head].rows > 0) answer_batch(states, asked, head, first, end, answers);
      });
    // Words of which nothing is left to read have an answer without any score.
    for (std::size_t i = first; i < end; ++i)
      if (asked.examples[i].rows == 0)
        answers.predictions[i] =
            asked.responders[asked.head(i)].task->predict(asked.rows[i], asked.examples[i], {});
    first = end;
  }
  return answers;
}

Answers answer_all(const train::Inference& inference, const Task& task,
                   const std::vector<EncodedExample>& examples,
                   const std::vector<labelled::Row>& rows, std::size_t head) {
  return answer_all(inference, Asked{{{&task, {}, head}}, examples, rows, {}});
}

bool has_entities(const TaskDescription& task) {
  return task.kind == TaskKind::tokens &&
         task.tag_scheme != labelled::to_string(labelled::TagScheme::plain);
}

std::vector<std::string_view> figure_columns(const TaskDescription& task) {
  if (task.problem == kRegression) return {"val_loss", "val_pearson", "val_spearman"};
  if (task.problem == kChoice) return {"val_loss", "val_accuracy"};
  if (task.problem == kMultiLabel)
    return {"val_loss", "val_accuracy", "val_micro_f1", "val_macro_f1"};
  if (has_entities(task)) return {"val_loss", "val_entity_f1", "val_accuracy"};
  return {"val_loss", "val_accuracy", "val_macro_f1", "val_matthews"};
}

std::string_view usual_best(const TaskDescription& task) {
  return figure_columns(task)[task.problem == kMultiLabel ? 2 : 1];
}

std::vector<train::Metric> quick_figures(const TaskDescription& task,
                                         const std::vector<labelled::Row>& rows,
                                         const Answers& answers) {
  std::vector<Figure> figures;
  if (task.problem == kRegression) {
    const NumberColumns c = number_columns(rows, answers);
    figures = evaluate_regression(c.gold, c.predicted, kNoIntervals).figures;
  } else if (task.problem == kChoice) {
    const ChoiceColumns c = choice_columns(rows, answers);
    figures = evaluate_choice(c.gold, c.predicted, kNoIntervals);
  } else if (task.problem == kMultiLabel) {
    const MultiLabelColumns c = multi_label_columns(task, rows, answers);
    figures = evaluate_multi_label(c.answers(task), kNoIntervals).figures;
  } else if (has_entities(task)) {
    figures = evaluate_entities(tagged_sentences(rows, answers), kNoIntervals).figures;
  } else {
    SingleLabelColumns c = task.kind == TaskKind::tokens
                               ? word_columns(task, rows, answers)
                               : single_label_columns(task, rows, answers);
    c.probabilities.clear();
    figures = evaluate_single_label(c.answers(task), kNoIntervals).figures;
  }
  std::vector<train::Metric> columns{{"val_loss", answers.mean_loss()}};
  for (const std::string_view name : figure_columns(task))
    if (name != "val_loss")
      columns.push_back({std::string(name), find_figure(figures, name.substr(4)).value});
  return columns;
}

std::vector<std::size_t> labelled_rows(const TaskDescription& task,
                                       const std::vector<labelled::Row>& rows) {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool there = task.kind == TaskKind::tokens
                           ? !rows[i].tags.empty()
                           : !rows[i].labels.empty() || task.problem == kMultiLabel;
    if (there) list.push_back(i);
  }
  return list;
}

SingleLabelColumns single_label_columns(const TaskDescription& task,
                                        const std::vector<labelled::Row>& rows,
                                        const Answers& answers) {
  SingleLabelColumns c;
  for (const std::size_t i : labelled_rows(task, rows)) {
    const Prediction& p = answers.predictions[i];
    c.gold.push_back(static_cast<int>(task.label_index(rows[i].labels.front())));
    if (c.gold.back() < 0) c.unseen.push_back(rows[i].labels.front());
    c.predicted.push_back(static_cast<int>(p.label));
    c.probabilities.insert(c.probabilities.end(), p.probabilities.begin(), p.probabilities.end());
  }
  return c;
}

SingleLabelColumns word_columns(const TaskDescription& task, const std::vector<labelled::Row>& rows,
                                const Answers& answers) {
  SingleLabelColumns c;
  c.groups.push_back(0);
  for (const std::size_t i : labelled_rows(task, rows)) {
    for (std::size_t w = 0; w < rows[i].tags.size(); ++w) {
      const std::string& tag = answers.predictions[i].tags[w];
      c.gold.push_back(static_cast<int>(task.label_index(rows[i].tags[w])));
      if (c.gold.back() < 0) c.unseen.push_back(rows[i].tags[w]);
      // A word that was not read is tagged "O", which a scheme without entities may not have.
      c.predicted.push_back(static_cast<int>(std::max<std::int64_t>(task.label_index(tag), 0)));
    }
    c.groups.push_back(c.gold.size());
  }
  return c;
}

MultiLabelColumns multi_label_columns(const TaskDescription& task,
                                      const std::vector<labelled::Row>& rows,
                                      const Answers& answers) {
  MultiLabelColumns c;
  const std::size_t k = task.labels.size();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    c.gold.resize(c.gold.size() + k);
    c.predicted.resize(c.predicted.size() + k);
    for (const std::string& label : rows[i].labels) {
      const std::int64_t index = task.label_index(label);
      if (index < 0)
        c.unseen.push_back({i, label});
      else
        c.gold[i * k + static_cast<std::size_t>(index)] = 1;
    }
    const Prediction& p = answers.predictions[i];
    for (const std::int64_t label : p.labels)
      c.predicted[i * k + static_cast<std::size_t>(label)] = 1;
    c.probabilities.insert(c.probabilities.end(), p.probabilities.begin(), p.probabilities.end());
  }
  return c;
}

NumberColumns number_columns(const std::vector<labelled::Row>& rows, const Answers& answers) {
  NumberColumns c;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].labels.empty()) continue;
    c.gold.push_back(number_of(rows[i]));
    c.predicted.push_back(answers.predictions[i].score);
  }
  return c;
}

ChoiceColumns choice_columns(const std::vector<labelled::Row>& rows, const Answers& answers) {
  ChoiceColumns c;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].labels.empty()) continue;
    const Prediction& p = answers.predictions[i];
    c.gold.push_back(static_cast<int>(number_of(rows[i])));
    c.predicted.push_back(static_cast<int>(p.label));
    c.confidence.push_back(p.probabilities[static_cast<std::size_t>(p.label)]);
  }
  return c;
}

std::vector<TaggedSentence> tagged_sentences(const std::vector<labelled::Row>& rows,
                                             const Answers& answers) {
  std::vector<TaggedSentence> sentences;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].tags.empty()) continue;
    const Prediction& p = answers.predictions[i];
    TaggedSentence s;
    s.gold = entities_of_tags(rows[i].tags);
    s.predicted = p.entities;
    s.words = std::ssize(rows[i].tags);
    s.equal_tags = 0;
    for (std::size_t w = 0; w < rows[i].tags.size(); ++w)
      s.equal_tags += rows[i].tags[w] == p.tags[w];
    sentences.push_back(std::move(s));
  }
  return sentences;
}

}  // namespace stemma::tasks
