#include "serve/api/answer.h"

#include <algorithm>

#include <fmt/format.h>

#include "serve/api/api_error.h"
#include "text/unicode/utf8.h"

namespace stemma::serve {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

}  // namespace

Answer::Answer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host,
               Metrics& metrics, AnswerOptions options)
    : exchange_(std::move(exchange)),
      host_(std::move(host)),
      metrics_(metrics),
      options_(options),
      created_(std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count()),
      began_(SteadyClock::now()) {}

void Answer::start(std::vector<infer::Request> requests) {
  if (requests.size() > host_->most_waiting())
    throw ApiError(400,
                   fmt::format("'n' and the prompts ask for {} texts, at most {} are possible",
                               requests.size(), host_->most_waiting()),
                   "n");
  for (const infer::Request& request : requests) host_->check(request);
  choices_.resize(requests.size());
  generations_.resize(requests.size());
  left_ = requests.size();
  std::vector<ModelHost::Job> jobs;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    prompts_.push_back(requests[i].prompt);
    listen(requests[i], i);
    jobs.push_back({std::move(requests[i]), [self = shared_from_this(), i](infer::Generation g) {
                      self->complete(i, std::move(g));
                    }});
  }
  const auto accepted = [&] {
    if (options_.stream)
      exchange_->begin({.content_type = "text/event-stream; charset=utf-8"}, ": keep-alive\n\n");
  };
  if (!host_->submit(std::move(jobs), accepted))
    throw ApiError(503, "too many requests are waiting: try again later", "", "server_overloaded");
}

void Answer::listen(infer::Request& request, std::size_t choice) {
  request.options.interrupt = exchange_->gone();
  request.options.on_token = [this, choice](const infer::ScoredToken& token) {
    Choice& c = choices_[choice];
    if (c.written++ == 0) c.first_token = SteadyClock::now();
    if (options_.stream) c.pending.push_back(token);
    return true;
  };
  if (!options_.stream) return;
  request.options.on_text = [this, choice](std::string_view piece) {
    Choice& c = choices_[choice];
    if (!std::exchange(c.begun, true)) send(first_chunks(choice));
    send(text_chunks(choice, piece, c.pending));
    c.pending.clear();
    return true;
  };
}

void Answer::send(const Chunks& chunks) {
  for (const Json& chunk : chunks) exchange_->write(event(chunk));
}

std::string Answer::event(const Json& chunk) const { return "data: " + chunk.dump() + "\n\n"; }

Json Answer::failure(const std::exception_ptr& error) {
  return Json::parse(error_response(error).body, "an error");
}

void Answer::complete(std::size_t choice, infer::Generation generation) {
  if (options_.stream && !generation.error) {
    Choice& c = choices_[choice];
    if (!std::exchange(c.begun, true)) send(first_chunks(choice));
    send(last_chunks(choice, generation, c.pending));
  }
  if (!generation.error) measure(choice, generation);
  generations_[choice] = std::move(generation);
  if (--left_ == 0) finish();
}

void Answer::measure(std::size_t choice, const infer::Generation& g) {
  const Choice& c = choices_[choice];
  metrics_.queue_seconds.observe(g.queue_seconds);
  metrics_.prompt_length.observe(static_cast<double>(prompts_[choice].size()));
  metrics_.output_length.observe(static_cast<double>(c.written));
  metrics_.prompt_tokens += prompts_[choice].size();
  metrics_.known_prompt_tokens += static_cast<std::uint64_t>(g.known_tokens);
  metrics_.output_tokens += static_cast<std::uint64_t>(c.written);
  if (g.finish == infer::FinishReason::cancelled) ++metrics_.client_left;
  if (c.written == 0) return;
  metrics_.time_to_first_token.observe(
      std::chrono::duration<double>(c.first_token - began_).count());
  metrics_.end_to_end.observe(seconds_since(began_));
  if (c.written > 1)
    metrics_.time_per_output_token.observe(seconds_since(c.first_token) /
                                           static_cast<double>(c.written - 1));
}

void Answer::finish() {
  if (exchange_->gone().requested()) return exchange_->end();
  const auto failed = std::ranges::find_if(generations_, [](const auto& g) { return !!g.error; });
  if (!options_.stream) {
    exchange_->respond(failed != generations_.end()
                           ? error_response(failed->error)
                           : HttpResponse{.body = whole(generations_).dump()});
    return;
  }
  if (failed != generations_.end())
    send({failure(failed->error)});
  else if (options_.include_usage)
    send({usage_chunk(usage(generations_))});
  exchange_->write(end_of_stream());
  exchange_->end();
}

Json Answer::usage(std::span<const infer::Generation> choices) const {
  // Choices of one prompt share it.
  std::int64_t prompt_tokens = 0, written = 0, known = 0;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    written += choices_[i].written;
    if (i > 0 && prompts_[i] == prompts_[i - 1]) continue;
    prompt_tokens += std::ssize(prompts_[i]);
    known += choices[i].known_tokens;
  }
  return Json::object({{"prompt_tokens", prompt_tokens},
                       {"completion_tokens", written},
                       {"total_tokens", prompt_tokens + written},
                       {"prompt_tokens_details", Json::object({{"cached_tokens", known}})}});
}

std::string token_text(const Tokenizer& tokenizer, std::int32_t id) {
  if (!tokenizer.has_token(id)) return fmt::format("id:{}", id);
  std::string bytes(tokenizer.bytes_of(id));
  if (unicode::is_valid_utf8(bytes)) return bytes;
  std::string text = "bytes:";
  for (const char c : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace stemma::serve
