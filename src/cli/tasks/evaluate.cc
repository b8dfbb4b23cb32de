#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/tasks/row_flags.h"
#include "tasks/task_model.h"
#include "tasks/task_report.h"

namespace stemma::cli {
namespace {

struct EvalTaskOptions {
  TaskModelFlags model;
  std::string data, report;
  labelled::RowOptions rows;
  bool small_changes = true, json = false;
};

int run_eval_task(const EvalTaskOptions& o) {
  // A folder that cannot be made is said by the file that cannot be written there.
  std::error_code unmade;
  if (!o.report.empty()) std::filesystem::create_directories(o.report, unmade);
  const tasks::TaskModel model = open_task_model(o.model);
  const tasks::TaskDescription& task = model.task().description();
  tasks::TaskRows rows =
      tasks::read_task_rows(o.data, columns_for(o.rows, task.columns, true), task.kind);
  tasks::canonical_labels(rows, task);
  tasks::warn_of_unseen(rows, task);
  tasks::Report report = tasks::report_of(task, rows, model.answer(rows.rows), {.split = "test"});
  if (o.small_changes)
    tasks::add_small_changes(report, task, rows, [&](const std::vector<labelled::Row>& changed) {
      return model.answer(changed);
    });
  report.model = o.model.model;
  report.data = {{"test", o.data, std::ssize(rows.rows)}};
  if (!o.report.empty()) tasks::write_report(o.report, report);
  if (o.json) return print_json(tasks::to_json(report));
  print(tasks::to_text(report));
  return interrupted_or_done();
}

}  // namespace

void add_eval_task(Program& program) {
  auto o = std::make_shared<EvalTaskOptions>();
  Command& c = program.add("eval task", "how good a fine-tuned model is on labelled rows");
  c.about =
      "Lets a fine-tuned model answer labelled rows and reports its figures with their 95 % "
      "intervals: accuracy, precision, recall and F1 of each label, the confusions, the "
      "calibration, the worst mistakes, and the same figures under small changes of the texts "
      "(typos, casing, spacing).";
  c.examples = {"stemma eval task --model runs/sst2 --data test.tsv",
                "stemma eval task --model runs/sst2 --data test.tsv --report report/"};
  declare(o->model, c.options);
  c.options.add_path({"data",
                      "labelled rows, in the form of the training file",
                      "test.tsv",
                      {"test", "input", "test_file"}},
                     o->data);
  c.options.add_folder(
      {"report", "where report.json, report.md and report.html go; empty: nowhere", "report"},
      o->report);
  labelled::declare(o->rows, c.options);
  c.options.add({"small_changes",
                 "whether the figures under small changes of the texts are reported too, for which "
                 "the rows are answered three times more; --small-changes=false: not",
                 "false"},
                o->small_changes);
  declare_json(o->json, c.options);
  c.required = {"model", "data"};
  c.run = [o] { return run_eval_task(*o); };
}

}  // namespace stemma::cli
