// The worst mistakes of a model, for a person to look at: often they are mistakes of the labels.
//
//   const auto worst = worst_mistakes(answers, 20, [&](std::size_t row) {
//     return Example{rows[row].text, fmt::format("{}:{}", file, rows[row].line), {}};
//   });
//
// Of single-label and multi-label answers those whose wrong label had the highest probability, of
// sentences with the most wrong entities (missed or invented), of numbers the farthest off. Rows
// that are right are never listed; of two equally bad ones the earlier comes first.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tasks/metrics/entities.h"
#include "tasks/metrics/multi_label.h"
#include "tasks/metrics/single_label.h"

namespace stemma::tasks {

// What is asked for the rows that are listed.
struct Example {
  std::string text;
  std::string place;               // "test.csv:17"
  std::vector<std::string> words;  // of a sentence with entities; else empty
};
using ExampleOfRow = std::function<Example(std::size_t row)>;

struct Mistake {
  std::string text, gold, predicted;
  double confidence = 0;  // the probability of what was predicted wrongly; NaN: there is none
  std::string place;
};

// Rows with the largest `badness`, worst first; those of 0 or less and NaN are none.
std::vector<std::size_t> worst_rows(std::span<const double> badness, std::size_t most);

// Needs probabilities, else the first wrong rows are listed. Throws as evaluate_single_label().
std::vector<Mistake> worst_mistakes(const SingleLabelAnswers& answers, std::size_t most,
                                    const ExampleOfRow& example);
// probabilities [N, K] of each label by itself; that of a missed label counts as 1 - p. Empty: the
// first wrong rows are listed.
std::vector<Mistake> worst_mistakes(const MultiLabelAnswers& answers,
                                    std::span<const double> probabilities, std::size_t most,
                                    const ExampleOfRow& example);
std::vector<Mistake> worst_mistakes(std::span<const TaggedSentence> sentences, std::size_t most,
                                    const ExampleOfRow& example);
std::vector<Mistake> worst_mistakes(std::span<const double> gold, std::span<const double> predicted,
                                    std::size_t most, const ExampleOfRow& example);
// gold, predicted [N]: places of the answers; confidence [N] or empty. Labels are counted from 1.
std::vector<Mistake> worst_choices(std::span<const int> gold, std::span<const int> predicted,
                                   std::span<const double> confidence, std::size_t most,
                                   const ExampleOfRow& example);

}  // namespace stemma::tasks
