// Rows in, one line of JSON out for each, as they come.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/tasks/row_flags.h"
#include "tasks/prediction_json.h"
#include "tasks/row_queue.h"
#include "tasks/task_model.h"

namespace stemma::cli {
namespace {

struct PredictOptions {
  TaskModelFlags model;
  std::string input = "-";
  labelled::RowOptions rows;
};

// False when the reader of the output has gone.
bool print_answers(const tasks::TaskModel& model, const std::vector<labelled::Row>& rows,
                   std::int64_t& cut) {
  const auto examples = model.encode(rows);
  const tasks::Answers answers = model.answer(rows, examples);
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    cut += examples[i].cut_tokens > 0;
    const tasks::TaskDescription& task = model.task(model.adapter_of(rows[i])).description();
    Json line = tasks::to_json(task, rows[i], answers.predictions[i]);
    if (!rows[i].id.empty()) line.set("id", rows[i].id);
    text += line.dump() + "\n";
  }
  return print(text);
}

int run_predict(const PredictOptions& o) {
  const tasks::TaskModel model = open_task_model(o.model);
  const tasks::TaskDescription& task = model.task().description();
  tasks::RowQueue queue(o.input, columns_for(o.rows, task.columns, false),
                        tasks::wanted_by(task.kind));
  std::int64_t cut = 0;
  while (!process_interrupt().requested()) {
    std::vector<labelled::Row> rows = queue.take();
    // What a file says of its labels is of no use here, and must not stop it.
    for (labelled::Row& row : rows) row.labels.clear(), row.tags.clear();
    if (rows.empty() || !print_answers(model, rows, cut)) break;
  }
  labelled::RowNotes notes = queue.notes();
  notes.unlabelled = 0;  // as rows to predict are
  labelled::log_rows(o.input, notes);
  if (cut > 0)
    log_warning(
        fmt::format("[predict] {} texts were cut at {} tokens, the longest that the model "
                    "was trained to read",
                    cut, task.max_tokens));
  return interrupted_or_done();
}

}  // namespace

void add_predict(Program& program) {
  auto o = std::make_shared<PredictOptions>();
  Command& c = program.add("predict", "label text with a fine-tuned model");
  c.about =
      "Reads rows in the form of the training file, or plain text with one text a line, and writes "
      "one JSON object a line in the order of the input: the label with the probabilities of all "
      "labels, the entities with their place in bytes, or the score. Standard input is answered as "
      "it comes.";
  c.examples = {"stemma predict --model runs/sst2 --input reviews.txt",
                "echo 'a fine film' | stemma predict --model runs/sst2"};
  declare(o->model, c.options);
  c.options.add_path({"input",
                      "rows to label: TSV, CSV, JSON lines, CoNLL columns or one text a line; -: "
                      "standard input",
                      "reviews.txt",
                      {"file", "data", "text"}},
                     o->input);
  labelled::declare(o->rows, c.options);
  c.required = {"model"};
  c.run = [o] { return run_predict(*o); };
}

}  // namespace stemma::cli
