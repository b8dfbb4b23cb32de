// Models loaded and unloaded while the server runs. What takes seconds runs on a thread of its own,
// one request after the other, and others are served meanwhile.
//
//   POST   /admin/models {"id": ..., "path": ..., "base": ...}     -> the model, as in /v1/models
//   DELETE /admin/models/ID                                        -> {"id", "deleted": true}
//
// Requests that are under way go on; the memory is given back when they have ended.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "serve/http/exchange.h"
#include "serve/registry.h"

namespace stemma::serve {

class Admin {
 public:
  // `registry` must outlive it.
  explicit Admin(Registry& registry);
  // Waits for the model that is being opened.
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  // Whether a path is one of these.
  static bool owns(std::string_view path);
  // Answers a request for such a path, later. Throws ApiError.
  void handle(const std::shared_ptr<Exchange>& exchange);

 private:
  using Work = std::function<HttpResponse()>;
  std::string opened(const ModelSource& source);
  void later(const std::shared_ptr<Exchange>& exchange, Work work);
  void run();

  struct Job {
    std::shared_ptr<Exchange> exchange;
    Work work;
  };
  Registry& registry_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

// A model as /v1/models lists it.
Json model_json(const Served& served);

}  // namespace stemma::serve
