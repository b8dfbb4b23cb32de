// The answer to a request that lets a model write: several choices, whole or streamed as
// server-sent events. What the objects look like is the route's matter (completions.cc, chat.cc).
//
//   class ChatAnswer : public Answer { ... };
//   std::make_shared<ChatAnswer>(exchange, host, metrics, options)->start(requests);
//
// It lives as long as one of its requests is under way. After start() it belongs to the host's
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "infer/request.h"
#include "serve/http/exchange.h"
#include "serve/metrics.h"
#include "serve/model_host.h"

namespace stemma::serve {

struct AnswerOptions {
  bool stream = false;
  bool include_usage = false;  // a last chunk with the counts of tokens
};

// Tokens that were chosen since the last piece of text.
using Tokens = std::vector<infer::ScoredToken>;

class Answer : public std::enable_shared_from_this<Answer> {
 public:
  Answer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host, Metrics& metrics,
         AnswerOptions options);
  virtual ~Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  // One request for each choice. Throws ApiError and what ModelHost::check throws; then nothing has
  // been answered.
  void start(std::vector<infer::Request> requests);

 protected:
  // The whole answer.
  virtual Json whole(std::span<const infer::Generation> choices) = 0;
  // Chunks of a stream: before a choice's first text, of a piece of it with the tokens that made
  // it, at its end, of the counts (null: none), and of an error.
  using Chunks = std::vector<Json>;
  virtual Chunks first_chunks(std::size_t choice) = 0;
  virtual Chunks text_chunks(std::size_t choice, std::string_view text, const Tokens& tokens) = 0;
  virtual Chunks last_chunks(std::size_t choice, const infer::Generation& generation,
                             const Tokens& tokens) = 0;
  virtual Json usage_chunk(const Json& usage) = 0;
  virtual Json failure(const std::exception_ptr& error);
  // A chunk as an event, and what ends a stream.
  virtual std::string event(const Json& chunk) const;
  virtual std::string end_of_stream() const { return "data: [DONE]\n\n"; }

  Json usage(std::span<const infer::Generation> choices) const;
  const ModelHost& host() const { return *host_; }
  std::int64_t created() const { return created_; }
  std::span<const std::int32_t> prompt(std::size_t choice) const { return prompts_[choice]; }

 private:
  struct Choice {
    Tokens pending;
    bool begun = false;
    std::int64_t written = 0;  // tokens
    std::chrono::steady_clock::time_point first_token;
  };
  void listen(infer::Request& request, std::size_t choice);
  void send(const Chunks& chunks);
  void complete(std::size_t choice, infer::Generation generation);
  void measure(std::size_t choice, const infer::Generation& generation);
  void finish();

  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<ModelHost> host_;
  Metrics& metrics_;
  AnswerOptions options_;
  std::int64_t created_;
  std::chrono::steady_clock::time_point began_;
  std::vector<std::vector<std::int32_t>> prompts_;
  std::vector<Choice> choices_;
  std::vector<infer::Generation> generations_;
  std::size_t left_ = 0;  // choices that are under way
};

// The text of a token: bytes that are no UTF-8 stand as "bytes:\xe2\x80", and an id without a
// token, which pads a vocabulary, as "id:50300".
std::string token_text(const Tokenizer& tokenizer, std::int32_t id);

}  // namespace stemma::serve
