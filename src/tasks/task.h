// A task: how a row of text becomes sequences for the model, what its head is to find in them, and
// what the head's scores mean. One file each: classification.cc, tokens.cc, entailment.cc,
// similarity.cc, choice.cc.
//
//   const auto task = make_task(description, tokenizer);
//   const EncodedExample example = task->encode(row);
//   const Prediction p = task->predict(row, example, scores);   // scores: of the head, [rows · K]
//
// Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/labelled/rows.h"
#include "ops/group_loss.h"
#include "tasks/description.h"
#include "tasks/metrics/entities.h"
#include "tasks/text_framer.h"

namespace stemma::tasks {

// One addend of a vector that the head reads: of sequence `text`, the state of `token`, or
// kWholeText: what the description's `input` takes of it.
inline constexpr std::int32_t kWholeText = -1;
struct HeadTerm {
  std::int32_t row = 0, text = 0, token = kWholeText;
  float weight = 1;
};

// A row as the model reads it.
struct EncodedExample {
  std::vector<Framed> texts;    // the sequences
  std::vector<HeadTerm> terms;  // ascending row
  std::int32_t rows = 1;        // vectors that the head scores: 1, candidates, words
  std::vector<float> wanted;    // [rows · K], a distribution over each answer; empty: unlabelled
  float weight = 1;             // of its loss
  std::int64_t tokens = 0;      // of all sequences
  std::int64_t cut_tokens = 0;  // that did not fit
  // Of tokens: the vector of each word, -1 for a word that was cut off or that has no token.
  std::vector<std::int32_t> word_rows;
};

struct Prediction {
  std::int64_t label = -1;             // the likeliest label, or candidate
  std::vector<double> probabilities;   // by label, or by candidate; of tokens: none
  std::vector<std::int64_t> labels;    // of a multi-label task: those above 1/2
  double score = 0;                    // of a regression
  std::vector<std::string> tags;       // of tokens: one a word
  std::vector<double> tag_confidence;  // the probability of each
  std::vector<Entity> entities;        // of tokens, where the tags are of entities
};

class Task {
 public:
  virtual ~Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  const TaskDescription& description() const { return description_; }
  const TextFramer& framer() const { return framer_; }

  // What the rows must have.
  virtual labelled::Wanted wanted() const = 0;
  // The sequences of a row and what its labels ask for; unlabelled rows have no `wanted`. A label
  // that the description does not have makes `wanted` empty too, so that the row counts as wrong.
  // Throws corrupt, naming the line, for labels that cannot be (no number where one is needed).
  EncodedExample encode(const labelled::Row& row) const;
  // Whether all scores of an example are one answer (candidates), or those of each row.
  virtual bool one_answer() const { return false; }
  ops::GroupLoss loss() const;
  // `scores` [rows · K].
  virtual Prediction predict(const labelled::Row& row, const EncodedExample& example,
                             std::span<const float> scores) const;

 protected:
  Task(TaskDescription description, const Tokenizer& tokenizer);

  // Fills texts, terms, rows and cut_tokens.
  virtual void encode_texts(const labelled::Row& row, EncodedExample& example) const = 0;
  // Returns [rows · K], or nothing.
  virtual std::vector<float> wanted_of(const labelled::Row& row,
                                       const EncodedExample& example) const;
  // For encode_texts(): a text, or a pair in one order or both.
  void add_text(std::string_view text, EncodedExample& example) const;
  void add_pair(std::string_view first, std::string_view second, EncodedExample& example) const;

 private:
  TaskDescription description_;
  TextFramer framer_;
};

// `tokenizer` must outlive the task. Throws invalid_argument for a description that cannot be.
std::unique_ptr<Task> make_task(TaskDescription description, const Tokenizer& tokenizer);

// softmax(scores) in f64, and the index of the largest one (the first of several).
std::vector<double> softmax(std::span<const float> scores);
std::int64_t largest(std::span<const double> values);

// The number that a label of a regression is. Throws corrupt, naming the line, for what is no
// finite number.
double number_of(const labelled::Row& row);

}  // namespace stemma::tasks
