// A fine-tuned model that is served: a classifier, a tagger, a model of pairs or of choices. Rows
// of all connections share passes (shared_passes.h).
//
//   TaskHost host("sst2", tasks::TaskModel::open("runs/sst2", {}), turns);
//   host.submit(std::move(rows), gone, [](std::vector<TaskHost::Answer> answers, auto error)
//   {...});
//
// `done` runs on the host's thread and must not wait. All functions may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "serve/shared_passes.h"
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

  struct Answer {
    labelled::Row row;
    tasks::EncodedExample example;
    tasks::Prediction prediction;
  };
  using Passes = SharedPasses<Answer, Answer>;  // the items have no prediction yet
  // False where too many rows wait. gone: requested when nobody wants the answer any more. Throws
  // as TaskModel::encode.
  bool submit(const std::vector<labelled::Row>& rows, Interrupt gone, Passes::Done done);
  std::size_t waiting_rows() const;

 private:
  void work();
  std::vector<Answer> answer(std::span<const Answer> items) const;

  std::string id_;
  std::int64_t created_;
  tasks::TaskModel model_;
  Turns& turns_;
  std::size_t most_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Passes::Job> inbox_;
  std::size_t waiting_ = 0;  // rows that are not answered
  Passes passes_;            // on the host's thread
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace stemma::serve
