#include "tasks/metrics/entities.h"

#include "tests/base/expect_error.h"
#include "tests/tasks/metrics/golden.h"

namespace stemma::tasks {
namespace {

using metrics_golden::strings;

std::vector<Entity> entities_of(const Json& rows) {
  std::vector<Entity> entities;
  for (const Json& row : rows.as_array())
    entities.push_back(
        {row.as_array()[0].as_string(), row.as_array()[1].as_int(), row.as_array()[2].as_int()});
  return entities;
}

std::vector<TaggedSentence> sentences_of(const Json& c) {
  std::vector<TaggedSentence> sentences;
  for (std::size_t i = 0; i < c.at("gold").as_array().size(); ++i) {
    const auto gold = strings(c.at("gold").as_array()[i]);
    const auto predicted = strings(c.at("predicted").as_array()[i]);
    std::int64_t equal = 0;
    for (std::size_t w = 0; w < gold.size(); ++w) equal += gold[w] == predicted[w] ? 1 : 0;
    sentences.push_back({entities_of_tags(gold), entities_of_tags(predicted),
                         static_cast<std::int64_t>(gold.size()), equal});
  }
  return sentences;
}

TEST(Entities, EqualSeqeval) {
  const Json file = metrics_golden::read("entities");
  for (const Json& c : file.at("cases").as_array()) {
    const std::string name = c.at("name").as_string();
    const std::vector<TaggedSentence> sentences = sentences_of(c);
    const EntityResult result = evaluate_entities(sentences, metrics_golden::settings(file, c));
    metrics_golden::expect_figures(result.figures, c, name);
    metrics_golden::expect_averages(result.averages, c, name);
    const auto& classes = c.at("classes").as_object();
    ASSERT_EQ(result.classes.size(), classes.size()) << name;
    for (std::size_t t = 0; t < classes.size(); ++t) {
      EXPECT_EQ(result.classes[t].name, classes[t].first) << name;
      metrics_golden::expect_scores(result.classes[t].scores, classes[t].second, name);
    }
  }
}

TEST(Entities, OfTagsEqualSeqevals) {
  const Json file = metrics_golden::read("entities");
  for (const Json& c : file.at("cases").as_array()) {
    std::size_t row = 0;
    for (const char* side : {"gold", "predicted"})
      for (const Json& tags : c.at(side).as_array())
        EXPECT_EQ(entities_of_tags(strings(tags)), entities_of(c.at("entities").as_array()[row++]))
            << c.at("name").as_string() << " " << row;
  }
}

TEST(Entities, TagsAreCountedWhereTheyAreNotGiven) {
  // B-A I-A B-A O  against  B-A B-A B-A B-B, where the third starts in another place.
  const std::vector<TaggedSentence> one = {
      {{{"A", 0, 1}, {"A", 2, 2}}, {{"A", 0, 0}, {"A", 1, 1}, {"A", 2, 2}, {"B", 3, 3}}, 4, -1}};
  EXPECT_DOUBLE_EQ(find_figure(evaluate_entities(one, {}).figures, "accuracy").value, 0.5);
}

TEST(Entities, OneThatStandsTwiceCountsOnce) {
  const std::vector<TaggedSentence> one = {{{{"A", 0, 1}}, {{"A", 0, 1}, {"A", 0, 1}}, 2, -1}};
  EXPECT_EQ(find_figure(evaluate_entities(one, {}).figures, "entity_precision").value, 1);
}

TEST(Entities, RefuseWhatDoesNotFit) {
  const auto code = ErrorCode::invalid_argument;
  const std::vector<TaggedSentence> outside = {{{{"A", 1, 2}}, {}, 2, -1}};
  const std::vector<TaggedSentence> reversed = {{{}, {{"A", 1, 0}}, 2, -1}};
  const std::vector<TaggedSentence> many = {{{}, {}, 2, 3}};
  EXPECT_ERROR(evaluate_entities({}, {}), code, "1 to 2^32 - 1 examples");
  EXPECT_ERROR(evaluate_entities(outside, {}), code, "within its 2 words");
  EXPECT_ERROR(evaluate_entities(reversed, {}), code, "'A' from 1 to 0");
  EXPECT_ERROR(evaluate_entities(many, {}), code, "3 of 2 words");
  for (const char* tag : {"", "PER", "X-PER", "OO", "BPER"}) {
    const std::vector<std::string> tags = {tag};
    EXPECT_ERROR(entities_of_tags(tags), code, "a tag must be O");
  }
}

}  // namespace
}  // namespace stemma::tasks
