#include "tasks/prediction_json.h"

#include <algorithm>

#include "tasks/evaluation.h"
#include "tasks/task_data.h"

namespace stemma::tasks {
namespace {

// Words [first, last] of a row, which carry one label.
Json range_json(const labelled::Row& row, std::size_t first, std::size_t last,
                const std::string& label, double probability) {
  const std::int64_t begin = row.words[first].begin, end = row.words[last].end;
  return Json::object({{"begin", begin},
                       {"end", end},
                       {"label", label},
                       {"text", row.text.substr(static_cast<std::size_t>(begin),
                                                static_cast<std::size_t>(end - begin))},
                       {"probability", probability}});
}

Json words_json(const TaskDescription& task, const labelled::Row& row, const Prediction& p) {
  Json list = Json::array({});
  if (!has_entities(task)) {
    for (std::size_t w = 0; w < row.words.size(); ++w)
      list.push_back(range_json(row, w, w, p.tags[w], p.tag_confidence[w]));
    return Json::object({{"tags", std::move(list)}});
  }
  for (const Entity& entity : p.entities) {
    const auto first = static_cast<std::size_t>(entity.first);
    const auto last = static_cast<std::size_t>(entity.last);
    // An entity is as sure as its least sure word.
    const double probability = *std::min_element(p.tag_confidence.begin() + entity.first,
                                                 p.tag_confidence.begin() + entity.last + 1);
    list.push_back(range_json(row, first, last, entity.label, probability));
  }
  return Json::object({{"entities", std::move(list)}});
}

}  // namespace

Json to_json(const TaskDescription& task, const labelled::Row& row, const Prediction& p) {
  if (task.kind == TaskKind::tokens) return words_json(task, row, p);
  if (task.problem == kRegression) return Json::object({{"score", p.score}});
  const auto name = [&](std::int64_t label) {
    return task.problem == kChoice ? choice_name(task, row, label)
                                   : task.labels[static_cast<std::size_t>(label)];
  };
  Json json = Json::object();
  if (task.problem == kMultiLabel) {
    Json labels = Json::array({});
    for (const std::int64_t label : p.labels) labels.push_back(name(label));
    json.set("labels", std::move(labels));
  } else {
    json.set("label", name(p.label));
  }
  Json probabilities = Json::object();
  for (std::size_t i = 0; i < p.probabilities.size(); ++i)
    probabilities.set(name(static_cast<std::int64_t>(i)), p.probabilities[i]);
  json.set("probabilities", std::move(probabilities));
  return json;
}

}  // namespace stemma::tasks
