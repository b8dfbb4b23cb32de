// Figures of named entities as seqeval 1.2 has them in its default mode (that of the CoNLL-2000
// script).
//
//   const auto entities = entities_of_tags(tags);  // B-PER I-PER O  ->  PER, words 0 to 1
//   const EntityResult result = evaluate_entities(sentences, {});
//   find_figure(result.figures, "entity_f1").value;
//
// An entity is right when its label and both its ends are. Types that occur among the gold or the
// predicted entities count in macro, in the order of their names. Intervals resample sentences; in
// each resample the types that occur in it count, as seqeval would see it. Where there is no entity
// at all, every figure but the accuracy is 0 (seqeval's macro average is NaN there).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/labelled/tag_scheme.h"
#include "tasks/metrics/bootstrap.h"
#include "tasks/metrics/scores.h"

namespace stemma::tasks {

using labelled::entities_of_tags;
using labelled::Entity;

struct TaggedSentence {
  std::vector<Entity> gold, predicted;  // in any order; one that stands twice counts once
  std::int64_t words = 0;
  // Words whose two tags are the same text. -1: counted from the tags that the entities have in
  // BIO, which differs where tags were ill formed (I- without B-).
  std::int64_t equal_tags = -1;
};

struct EntityResult {
  // entity_f1 (micro), entity_precision, entity_recall, macro_f1, micro_f1, weighted_f1, accuracy
  // (of words' tags)
  std::vector<Figure> figures;
  std::vector<NamedScores> classes;  // types by name
  Averages averages;
  std::vector<std::string> notes;
};

// Throws invalid_argument for no sentence, an entity outside its sentence, or more equal tags than
// words.
EntityResult evaluate_entities(std::span<const TaggedSentence> sentences,
                               const BootstrapSettings& settings);

}  // namespace stemma::tasks
