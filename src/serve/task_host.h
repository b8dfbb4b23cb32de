// A fine-tuned model that is served: a classifier, a tagger, a model of pairs or of choices. Rows
// of all connections wait in one queue and are answered in batches, in the order in which they
// came.
//
//   TaskHost host("sst2", tasks::TaskModel::open("runs/sst2", {}), turns);
//   host.submit(std::move(rows), [](TaskHost::Result result) { ... });
//
// `done` runs on the host's thread and must not wait. All functions may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "serve/turns.h"
#include "tasks/task_model.h"

namespace stemma::serve {

class TaskHost {
 public:
  // `turns` must outlive it.
  TaskHost(std::string id, tasks::TaskModel model, Turns& turns, std::size_t most_waiting = 4096);
  ~TaskHost() { stop(); }
  TaskHost(const TaskHost&) = delete;
  TaskHost& operator=(const TaskHost&) = delete;

  // Ends what waits as failed, and the thread; as EngineHost::stop().
  void stop();

  const std::string& id() const { return id_; }
  std::int64_t created() const { return created_; }  // seconds of Unix time
  const tasks::TaskDescription& task() const { return model_.task().description(); }
  labelled::Wanted wanted() const { return model_.task().wanted(); }
  std::size_t most_waiting() const { return most_waiting_; }

  struct Result {
    std::vector<labelled::Row> rows;
    std::vector<tasks::EncodedExample> examples;
    std::vector<tasks::Prediction> predictions;
    std::exception_ptr error;  // nothing else is there then
  };
  using Done = std::function<void(Result)>;
  // False where too many rows wait. gone: requested when nobody wants the answer any more.
  bool submit(std::vector<labelled::Row> rows, Interrupt gone, Done done);
  std::size_t waiting_rows() const;

 private:
  struct Job {
    std::vector<labelled::Row> rows;
    Interrupt gone;
    Done done;
  };
  void work();
  void answer(std::span<Job> jobs);
  static void finish(const Job& job, Result result);

  std::string id_;
  std::int64_t created_;
  tasks::TaskModel model_;
  Turns& turns_;
  std::size_t most_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::size_t waiting_ = 0;  // rows of `jobs_`
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace stemma::serve
