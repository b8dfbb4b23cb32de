#include "tasks/metrics/entities.h"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::tasks {
namespace {

std::vector<Entity> sorted_once(std::vector<Entity> entities) {
  std::sort(entities.begin(), entities.end());
  entities.erase(std::unique(entities.begin(), entities.end()), entities.end());
  return entities;
}

void check_tagged_sentence(const TaggedSentence& sentence, std::size_t number) {
  for (const std::vector<Entity>* entities : {&sentence.gold, &sentence.predicted})
    for (const Entity& entity : *entities)
      if (entity.first < 0 || entity.last < entity.first || entity.last >= sentence.words)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("[metrics] sentence {}: an entity must lie within its {} words, "
                                "got '{}' from {} to {}",
                                number, sentence.words, entity.label.substr(0, 80), entity.first,
                                entity.last));
  if (sentence.equal_tags > sentence.words)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[metrics] sentence {}: {} of {} words cannot have equal tags", number,
                            sentence.equal_tags, sentence.words));
}

// The tag of each word in BIO: {type + 1, whether it begins}, {0, false} outside.
std::int64_t equal_tags_in_bio(const TaggedSentence& sentence) {
  using Tag = std::pair<std::string_view, bool>;
  const auto tags_of = [&](const std::vector<Entity>& entities) {
    std::vector<Tag> tags(static_cast<std::size_t>(sentence.words), Tag{"", false});
    std::vector<bool> inside(tags.size());
    for (const Entity& entity : entities)
      for (std::int64_t word = entity.first; word <= entity.last; ++word) {
        const std::size_t w = static_cast<std::size_t>(word);
        tags[w] = {entity.label, word == entity.first};
        inside[w] = true;
      }
    return std::pair{tags, inside};
  };
  const auto [gold, gold_inside] = tags_of(sentence.gold);
  const auto [predicted, predicted_inside] = tags_of(sentence.predicted);
  std::int64_t equal = 0;
  for (std::size_t w = 0; w < gold.size(); ++w)
    equal += gold[w] == predicted[w] && gold_inside[w] == predicted_inside[w] ? 1 : 0;
  return equal;
}

struct SentenceCounts {
  struct OfType {
    std::size_t type;
    Counts counts;
  };
  std::vector<OfType> types;
  std::int64_t words = 0, equal_tags = 0;
};

struct CountedSentences {
  std::vector<std::string> types;
  std::vector<SentenceCounts> sentences;
};

CountedSentences count_sentences(std::span<const TaggedSentence> sentences) {
  std::map<std::string, std::size_t> places;
  for (const TaggedSentence& sentence : sentences)
    for (const std::vector<Entity>* entities : {&sentence.gold, &sentence.predicted})
      for (const Entity& entity : *entities) places[entity.label] = 0;
  CountedSentences result;
  for (auto& [type, place] : places) {
    place = result.types.size();
    result.types.push_back(type);
  }
  for (const TaggedSentence& sentence : sentences) {
    check_tagged_sentence(sentence, result.sentences.size());
    const std::vector<Entity> gold = sorted_once(sentence.gold);
    const std::vector<Entity> predicted = sorted_once(sentence.predicted);
    std::vector<Entity> both;
    std::set_intersection(gold.begin(), gold.end(), predicted.begin(), predicted.end(),
                          std::back_inserter(both));
    std::map<std::size_t, Counts> counts;
    for (const Entity& entity : gold) ++counts[places.at(entity.label)].gold;
    for (const Entity& entity : predicted) ++counts[places.at(entity.label)].predicted;
    for (const Entity& entity : both) ++counts[places.at(entity.label)].correct;
    SentenceCounts counted;
    for (const auto& [type, of_type] : counts) counted.types.push_back({type, of_type});
    counted.words = sentence.words;
    counted.equal_tags =
        sentence.equal_tags >= 0 ? sentence.equal_tags : equal_tags_in_bio(sentence);
    result.sentences.push_back(std::move(counted));
  }
  return result;
}

// Computes the figures of the sentences as often as `times` says.
class EntityFigures {
 public:
  explicit EntityFigures(const CountedSentences& counted)
      : counted_(counted), counts_(counted.types.size()) {}

  void operator()(std::span<const std::uint32_t> times, std::span<double> figures) {
    std::fill(counts_.begin(), counts_.end(), Counts{});
    std::int64_t words = 0, equal = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      const SentenceCounts& sentence = counted_.sentences[i];
      words += times[i] * sentence.words;
      equal += times[i] * sentence.equal_tags;
      for (const auto& [type, of_type] : sentence.types) {
        counts_[type].correct += times[i] * of_type.correct;
        counts_[type].predicted += times[i] * of_type.predicted;
        counts_[type].gold += times[i] * of_type.gold;
      }
    }
    present_ = counts_;
    std::erase_if(present_, [](const Counts& c) { return c.predicted == 0 && c.gold == 0; });
    averages_ = averages_of(present_);
    const Averages& a = averages_;
    const double accuracy =
        words == 0 ? 0 : static_cast<double>(equal) / static_cast<double>(words);
    const double values[] = {a.micro.f1, a.micro.precision, a.micro.recall, a.macro.f1,
                             a.micro.f1, a.weighted.f1,     accuracy};
    std::copy(std::begin(values), std::end(values), figures.begin());
  }

  // Of the latest call.
  const std::vector<Counts>& counts() const { return counts_; }
  const Averages& averages() const { return averages_; }

 private:
  const CountedSentences& counted_;
  std::vector<Counts> counts_, present_;
  Averages averages_;
};

}  // namespace

EntityResult evaluate_entities(std::span<const TaggedSentence> sentences,
                               const BootstrapSettings& settings) {
  const CountedSentences counted = count_sentences(sentences);
  EntityFigures compute(counted);
  const std::vector<std::string> names = {"entity_f1", "entity_precision", "entity_recall",
                                          "macro_f1",  "micro_f1",         "weighted_f1",
                                          "accuracy"};
  EntityResult result;
  result.figures = figures_with_intervals(sentences.size(), names, settings, std::ref(compute));
  result.averages = compute.averages();
  for (std::size_t t = 0; t < counted.types.size(); ++t)
    result.classes.push_back({counted.types[t], scores_of(compute.counts()[t])});
  if (counted.types.empty())
    result.notes.push_back("There is no entity, neither among the gold ones nor the predicted.");
  result.notes.push_back("The accuracy is that of the words' tags.");
  return result;
}

}  // namespace stemma::tasks
