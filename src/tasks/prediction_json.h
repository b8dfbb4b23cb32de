// A prediction as one line of JSON, the same for `predict` and a server.
//
//   {"label": "positive", "probabilities": {"negative": 0.02, "positive": 0.98}}
//   {"labels": ["toxic"], "probabilities": {...}}             several labels
//   {"entities": [{"begin": 0, "end": 4, "label": "PER", "text": "Anna", "probability": 0.99}]}
//   {"tags": [{"begin": 0, "end": 3, "label": "DT", "text": "The", "probability": 0.99}]}
//   {"score": 3.7}                                            a number
//
// begin and end are bytes of the text, or of the words joined by one blank.
#pragma once

#include "base/json.h"
#include "data/labelled/rows.h"
#include "tasks/task.h"

namespace stemma::tasks {

Json to_json(const TaskDescription& task, const labelled::Row& row, const Prediction& prediction);

}  // namespace stemma::tasks
