#include "serve/admin.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "serve/api/api_error.h"
#include "serve/api/common_fields.h"

namespace stemma::serve {
namespace {

constexpr std::string_view kModels = "/admin/models";
constexpr std::size_t kMostJobs = 64;

}  // namespace

Admin::Admin(Registry& registry) : registry_(registry), thread_([this] { run(); }) {}

Admin::~Admin() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool Admin::owns(std::string_view path) {
  return path == kModels || path.starts_with(std::string(kModels) + "/");
}

void Admin::handle(const std::shared_ptr<Exchange>& exchange) {
  const HttpRequest& request = exchange->request();
  if (request.path == kModels && request.method == "POST") {
    const Json body = parsed_body(request);
    Fields fields(body);
    ModelSource source;
    source.id = fields.string("id").value_or("");
    fields.required("path");
    source.path = fields.string("path").value_or("");
    source.base = fields.string("base").value_or("");
    fields.finish();
    return later(exchange, [this, source = std::move(source)] {
      const std::string id = opened(source);
      log_info(fmt::format("serves {} from {}", id, source.path.string()));
      return HttpResponse{.body = model_json(registry_.find(id).value()).dump()};
    });
  }
  if (request.path.size() > kModels.size() && request.method == "DELETE") {
    std::string id = request.path.substr(kModels.size() + 1);
    return later(exchange, [this, id = std::move(id)] {
      if (!registry_.remove(id))
        throw ApiError(404, fmt::format("there is no model '{}'", id), "", "model_not_found");
      log_info("serves " + id + " no longer");
      return HttpResponse{.body = Json::object({{"id", id}, {"deleted", true}}).dump()};
    });
  }
  throw ApiError(405, "POST /admin/models loads a model, DELETE /admin/models/ID unloads one", "",
                 "method_not_allowed");
}

// A path that holds no model is what the client has wrong.
std::string Admin::opened(const ModelSource& source) {
  try {
    return registry_.open(source);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::device) throw;
    throw ApiError(400, error.what(), "path", "invalid_model");
  }
}

void Admin::later(const std::shared_ptr<Exchange>& exchange, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= kMostJobs)
      throw ApiError(503, "too many models are being loaded: try again later", "",
                     "server_overloaded");
    jobs_.push_back({exchange, std::move(work)});
  }
  wake_.notify_one();
}

void Admin::run() {
  bool all_forgotten = true;
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      const auto wanted = [&] { return stop_ || !jobs_.empty(); };
      // What was removed while it was in use is looked at again and again.
      if (all_forgotten)
        wake_.wait(lock, wanted);
      else
        wake_.wait_for(lock, std::chrono::milliseconds(200), wanted);
      if (stop_) return;
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
    }
    if (job.exchange) {
      try {
        job.exchange->respond(job.work());
      } catch (...) {
        job.exchange->respond(error_response(std::current_exception()));
      }
    }
    all_forgotten = registry_.forget_removed();
  }
}

Json model_json(const Served& served) {
  Json can = Json::array();
  Json task;
  std::int64_t created = 0, context = 0;
  if (served.task) {
    can.push_back("classify");
    if (served.task->wanted() == labelled::Wanted::pair) can.push_back("rerank");
    task = Json(tasks::to_string(served.task->task().kind));
    created = served.task->created();
    context = served.task->task().max_tokens;
  } else {
    const ModelHost& model = *served.model;
    const Tokenizer* tokenizer = model.model().find_tokenizer();
    if (model.writes()) {
      if (model.chats()) can.push_back("chat");
      can.push_back("completions");
    }
    if (tokenizer && !model.has_adapter()) {
      can.push_back("embeddings");
      can.push_back("rerank");
    }
    created = model.created();
    context = model.writes() || !tokenizer ? model.most_tokens() : model.most_embedded_tokens();
  }
  return Json::object(
      {{"id", served.id()},
       {"object", "model"},
       {"created", created},
       {"owned_by", "stemma"},
       {"max_model_len", context},
       {"stemma", Json::object({{"can", std::move(can)},
                                {"task", std::move(task)},
                                {"context", context},
                                {"base", served.base.empty() ? Json() : Json(served.base)}})}});
}

}  // namespace stemma::serve
