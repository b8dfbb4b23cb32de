// Rows read by a thread of their own while others are answered: what has come is taken together, so
// a file is answered in large batches and a line typed by hand at once. A bounded
// producer-consumer queue.
//
//   RowQueue queue("-", options, labelled::Wanted::text);
//   for (auto rows = queue.take(); !rows.empty(); rows = queue.take()) answer(rows);
//
// take() and notes() belong to one thread.
#pragma once

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "data/labelled/rows.h"

namespace stemma::tasks {

class RowQueue {
 public:
  // Throws what labelled::RowReader's constructor throws.
  RowQueue(const std::filesystem::path& path, const labelled::RowOptions& options,
           labelled::Wanted wanted);
  // Waits until the row that is being read has come.
  ~RowQueue();
  RowQueue(const RowQueue&) = delete;
  RowQueue& operator=(const RowQueue&) = delete;

  // Waits for one row at least and returns those that are there; none at the end. Throws what the
  // reading threw, behind the rows before it.
  std::vector<labelled::Row> take();
  // Of everything read: call it at the end.
  const labelled::RowNotes& notes() const { return reader_.notes(); }

 private:
  void read();

  labelled::RowReader reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<labelled::Row> rows_;
  std::exception_ptr error_;
  bool ended_ = false, stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace stemma::tasks
