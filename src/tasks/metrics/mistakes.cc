#include "tasks/metrics/mistakes.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <tuple>

#include <fmt/format.h>

namespace stemma::tasks {
namespace {

constexpr double kNoConfidence = std::numeric_limits<double>::quiet_NaN();

Mistake mistake_at(Example example, std::string gold, std::string predicted, double confidence) {
  return {std::move(example.text), std::move(gold), std::move(predicted), confidence,
          std::move(example.place)};
}

// "PER Angela Merkel; LOC Paris", or with word numbers where the words are not known.
std::string entities_as_text(const std::vector<Entity>& entities, const Example& example) {
  std::string text;
  for (const Entity& entity : entities) {
    if (!text.empty()) text += "; ";
    text += entity.label;
    if (static_cast<std::size_t>(entity.last) >= example.words.size()) {
      text += fmt::format(" {}-{}", entity.first, entity.last);
      continue;
    }
    for (std::int64_t w = entity.first; w <= entity.last; ++w)
      text += " " + example.words[static_cast<std::size_t>(w)];
  }
  return text.empty() ? "(none)" : text;
}

std::vector<Entity> by_place(std::vector<Entity> entities) {
  std::sort(entities.begin(), entities.end(), [](const Entity& a, const Entity& b) {
    return std::tie(a.first, a.last, a.label) < std::tie(b.first, b.last, b.label);
  });
  entities.erase(std::unique(entities.begin(), entities.end()), entities.end());
  return entities;
}

double wrong_entities(const TaggedSentence& sentence) {
  const std::vector<Entity> gold = by_place(sentence.gold);
  const std::vector<Entity> predicted = by_place(sentence.predicted);
  double wrong = 0;
  for (const auto& [some, others] : {std::pair{&gold, &predicted}, std::pair{&predicted, &gold}})
    for (const Entity& entity : *some)
      wrong += std::find(others->begin(), others->end(), entity) == others->end() ? 1 : 0;
  return wrong;
}

std::string label_set(const MultiLabelAnswers& a, std::span<const std::uint8_t> marks,
                      std::size_t row) {
  std::string text;
  for (std::size_t k = 0; k < a.labels.size(); ++k)
    if (marks[row * a.labels.size() + k] != 0) text += (text.empty() ? "" : ", ") + a.labels[k];
  return text;
}

std::string gold_label_set(const MultiLabelAnswers& a, std::size_t row) {
  std::string text = label_set(a, a.gold, row);
  for (const UnseenLabel& unseen : a.unseen)
    if (unseen.row == row) text += (text.empty() ? "" : ", ") + unseen.name;
  return text.empty() ? "(none)" : text;
}

}  // namespace

std::vector<std::size_t> worst_rows(std::span<const double> badness, std::size_t most) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < badness.size(); ++i)
    if (badness[i] > 0) rows.push_back(i);
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return badness[a] > badness[b]; });
  rows.resize(std::min(rows.size(), most));
  return rows;
}

std::vector<Mistake> worst_mistakes(const SingleLabelAnswers& a, std::size_t most,
                                    const ExampleOfRow& example) {
  const std::size_t k = a.labels.size();
  const auto confidence = [&](std::size_t row) {
    return a.probabilities.empty()
               ? kNoConfidence
               : a.probabilities[row * k + static_cast<std::size_t>(a.predicted[row])];
  };
  std::vector<double> badness(a.gold.size(), 0.0);
  std::vector<std::size_t> name_of_row(a.gold.size());
  std::size_t unseen = 0;
  for (std::size_t i = 0; i < badness.size(); ++i) {
    if (a.gold[i] < 0) name_of_row[i] = unseen++;
    if (a.gold[i] == a.predicted[i]) continue;
    badness[i] = a.probabilities.empty() ? 1 : confidence(i);
  }
  std::vector<Mistake> mistakes;
  for (std::size_t row : worst_rows(badness, most)) {
    const std::string& gold = a.gold[row] < 0 ? a.unseen[name_of_row[row]]
                                              : a.labels[static_cast<std::size_t>(a.gold[row])];
    mistakes.push_back(mistake_at(
        example(row), gold, a.labels[static_cast<std::size_t>(a.predicted[row])], confidence(row)));
  }
  return mistakes;
}

std::vector<Mistake> worst_mistakes(const MultiLabelAnswers& a,
                                    std::span<const double> probabilities, std::size_t most,
                                    const ExampleOfRow& example) {
  const std::size_t k = a.labels.size();
  std::vector<double> badness(k == 0 ? 0 : a.gold.size() / k, 0.0);
  for (const UnseenLabel& label : a.unseen) badness[label.row] = 1;
  for (std::size_t i = 0; i < badness.size() * k; ++i) {
    const bool gold = a.gold[i] != 0, predicted = a.predicted[i] != 0;
    if (gold == predicted) continue;
    const double wrong =
        probabilities.empty() ? 1 : (predicted ? probabilities[i] : 1 - probabilities[i]);
    badness[i / k] = std::max(badness[i / k], wrong);
  }
  std::vector<Mistake> mistakes;
  for (std::size_t row : worst_rows(badness, most)) {
    const std::string predicted = label_set(a, a.predicted, row);
    mistakes.push_back(mistake_at(example(row), gold_label_set(a, row),
                                  predicted.empty() ? "(none)" : predicted,
                                  probabilities.empty() ? kNoConfidence : badness[row]));
  }
  return mistakes;
}

std::vector<Mistake> worst_mistakes(std::span<const TaggedSentence> sentences, std::size_t most,
                                    const ExampleOfRow& example) {
  std::vector<double> badness;
  for (const TaggedSentence& sentence : sentences) badness.push_back(wrong_entities(sentence));
  std::vector<Mistake> mistakes;
  for (std::size_t row : worst_rows(badness, most)) {
    Example of_row = example(row);
    std::string gold = entities_as_text(by_place(sentences[row].gold), of_row);
    std::string predicted = entities_as_text(by_place(sentences[row].predicted), of_row);
    mistakes.push_back(
        mistake_at(std::move(of_row), std::move(gold), std::move(predicted), kNoConfidence));
  }
  return mistakes;
}

std::vector<Mistake> worst_mistakes(std::span<const double> gold, std::span<const double> predicted,
                                    std::size_t most, const ExampleOfRow& example) {
  std::vector<double> badness(gold.size());
  for (std::size_t i = 0; i < gold.size(); ++i) badness[i] = std::abs(predicted[i] - gold[i]);
  std::vector<Mistake> mistakes;
  for (std::size_t row : worst_rows(badness, most))
    mistakes.push_back(mistake_at(example(row), fmt::format("{:.6g}", gold[row]),
                                  fmt::format("{:.6g}", predicted[row]), kNoConfidence));
  return mistakes;
}

std::vector<Mistake> worst_choices(std::span<const int> gold, std::span<const int> predicted,
                                   std::span<const double> confidence, std::size_t most,
                                   const ExampleOfRow& example) {
  std::vector<double> badness(gold.size(), 0.0);
  for (std::size_t i = 0; i < gold.size(); ++i)
    if (gold[i] != predicted[i]) badness[i] = confidence.empty() ? 1 : confidence[i];
  std::vector<Mistake> mistakes;
  for (std::size_t row : worst_rows(badness, most))
    mistakes.push_back(mistake_at(example(row), fmt::format("answer {}", gold[row] + 1),
                                  fmt::format("answer {}", predicted[row] + 1),
                                  confidence.empty() ? kNoConfidence : confidence[row]));
  return mistakes;
}

}  // namespace stemma::tasks
