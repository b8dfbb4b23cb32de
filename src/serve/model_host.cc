#include "serve/model_host.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "serve/api/api_error.h"

namespace stemma::serve {

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ModelHost::ModelHost(std::string id, std::shared_ptr<EngineHost> engine, Adapter adapter)
    : id_(std::move(id)),
      created_(unix_seconds()),
      engine_(std::move(engine)),
      adapter_(std::move(adapter)) {}

std::int64_t ModelHost::most_tokens() const {
  return writes() ? engine_->engine()->capacity(adapter_.get()) : model().most_tokens();
}

void ModelHost::require_writing() const {
  if (!writes())
    throw Error(ErrorCode::unsupported,
                fmt::format("the model '{}' does not write text: it gives vectors "
                            "(/v1/embeddings)",
                            id()));
}

const chat::ChatTemplate& ModelHost::chat() const {
  require_writing();
  if (const chat::ChatTemplate* chat = engine_->chat()) return *chat;
  throw Error(ErrorCode::unsupported,
              fmt::format("the model '{}' has no chat template: it continues text "
                          "(/v1/completions). Whoever runs the server can give it a template with "
                          "--chat-template",
                          id()));
}

void ModelHost::check(const infer::Request& request) const {
  require_writing();
  if (std::ssize(request.prompt) > most_tokens())
    throw ApiError(400,
                   fmt::format("the prompt has {} tokens, and a text may have {}, its continuation "
                               "among them: shorten the prompt",
                               request.prompt.size(), most_tokens()),
                   "", "context_length_exceeded");
  engine_->engine()->check(request);
}

bool ModelHost::submit(std::vector<Job> jobs, const std::function<void()>& accepted) {
  for (Job& job : jobs) job.request.adapter = adapter_;
  return engine_->submit(std::move(jobs), accepted);
}

std::int64_t ModelHost::most_embedded_tokens() const {
  if (adapter_)
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' is an adapter: ask its model for vectors", id()));
  return engine_->embedder().most_tokens();
}

}  // namespace stemma::serve
