#include "infer/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/engine_sequence.h"
#include "nn/virtual_tokens.h"

namespace stemma::infer {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// `context`: tokens that a sequence may have.
EngineOptions completed_options(EngineOptions options, std::int64_t context) {
  const auto require = [](bool holds, const char* option, std::int64_t value) {
    if (!holds)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[engine] {} must be at least 1, got {}", option, value));
  };
  require(options.slots >= 1, "slots", options.slots);
  require(options.capacity >= 0, "capacity", options.capacity);
  require(options.cache_tokens >= 0, "cache_tokens", options.cache_tokens);
  require(options.prompt_tokens >= 1, "prompt_tokens", options.prompt_tokens);
  require(options.prompt_tokens_beside >= 1, "prompt_tokens_beside", options.prompt_tokens_beside);
  options.prompt_tokens_beside = std::min(options.prompt_tokens_beside, options.prompt_tokens);
  options.capacity = options.capacity > 0 ? std::min(options.capacity, context) : context;
  return options;
}

EngineOptions options_for(const LoadedModel& model, const EngineOptions& options) {
  model.require_next_token("generate");
  return completed_options(options, model.most_tokens());
}

CacheOptions cache_for(const EngineOptions& options) {
  return {.slots = options.slots, .capacity = options.capacity, .tokens = options.cache_tokens};
}

std::vector<std::int32_t> end_token_of(const Tokenizer* tokenizer) {
  const auto end = tokenizer ? tokenizer->end_of_text() : std::nullopt;
  return end ? std::vector{*end} : std::vector<std::int32_t>();
}

// Runs `work`; what it throws is kept in `error`.
template <class Work>
void guarded(std::exception_ptr& error, const Work& work) {
  try {
    work();
  } catch (...) {
    error = std::current_exception();
  }
}

[[noreturn]] void throw_not_finite() {
  throw Error(ErrorCode::corrupt,
              "[score] the model's scores are not finite: its weights are damaged");
}

void check_finite(const std::vector<ScoredToken>& prompt) {
  for (std::size_t i = 1; i < prompt.size(); ++i)
    if (!std::isfinite(prompt[i].log_probability)) throw_not_finite();
}

std::vector<std::int32_t> ids_without_token(const Tokenizer* tokenizer, std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  for (std::int64_t id = 0; tokenizer && id < vocab; ++id)
    if (!tokenizer->has_token(static_cast<std::int32_t>(id)))
      ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

}  // namespace

Engine::Engine(const LoadedModel& model, const EngineOptions& options)
    : tokenizer_(model.find_tokenizer()),
      unused_ids_(ids_without_token(tokenizer_, model.config().vocab)),
      options_(options_for(model, options)),
      end_tokens_(options.end_tokens.value_or(model.end_tokens())),
      pass_(model, cache_for(options_)),
      cache_(pass_, options_.share_prefixes) {}

Engine::Engine(const Model& model, const ops::Numerics& numerics, Stream& stream,
               const Tokenizer* tokenizer, const EngineOptions& options,
               const nn::Adapters* adapters)
    : tokenizer_(tokenizer),
      unused_ids_(ids_without_token(tokenizer_, model.config().vocab)),
      options_(
          completed_options(options, model.config().context - nn::most_virtual_tokens(adapters))),
      end_tokens_(options.end_tokens.value_or(end_token_of(tokenizer))),
      pass_(model, numerics, stream, cache_for(options_), adapters),
      cache_(pass_, options_.share_prefixes) {}

Engine::~Engine() = default;

void Engine::check(const Request& r) const {
  const ModelConfig& config = pass_.forward().model().config();
  if (r.prompt.empty())
    throw Error(ErrorCode::invalid_argument, "[generate] the prompt has no tokens: give some text");
  // The last target and the last token that is generated need no place.
  const std::int64_t tokens =
      std::ssize(r.prompt) + std::max<std::int64_t>(std::ssize(r.targets) - 1, 0);
  const std::int64_t context = pass_.most_tokens(r.adapter.get());
  const std::int64_t limit = r.targets.empty() ? capacity(r.adapter.get()) : context;
  if (tokens > limit)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[generate] the prompt has {} tokens, {} holds {}{}: shorten the prompt",
                    tokens, limit == context ? "the model's context" : "a slot of the cache", limit,
                    pass_.virtual_tokens(r.adapter.get()) > 0 && limit == context
                        ? fmt::format(" beside the {} virtual tokens of the adapter",
                                      pass_.virtual_tokens(r.adapter.get()))
                        : ""));
  check_ids(config, r.prompt, "generate");
  check_ids(config, r.targets, "generate");
  if (r.options.max_tokens < 0)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[generate] max_tokens must be 0 or more, got {}", r.options.max_tokens));
  if (r.options.top_tokens < 0)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[generate] top_tokens must be 0 or more, got {}", r.options.top_tokens));
  if (r.options.constraint && r.options.ignore_end_of_text)
    throw Error(ErrorCode::invalid_argument,
                "[generate] a text that is held to a grammar ends with it: do not ignore its end");
  r.options.sampling.validate();
  for (const auto& [id, bias] : r.options.sampling.logit_bias)
    check_ids(config, {&id, 1}, "logit_bias");
  if (!r.options.stop.empty() && !tokenizer_)
    throw Error(ErrorCode::not_found,
                "[generate] stop strings need a tokenizer, and the model has none: name one, or "
                "give ids");
}

std::int64_t Engine::capacity(const nn::Adapter* adapter) const {
  return std::min(options_.capacity, pass_.slot_tokens(adapter));
}

std::int64_t Engine::submit(Request request) {
  check(request);
  auto& queue = request.targets.empty() ? waiting_ : scoring_;
  queue.push_back(
      std::make_unique<Sequence>(submitted_, std::move(request), tokenizer_, unused_ids_));
  return submitted_++;
}

std::vector<Engine::Completed> Engine::step() {
  for (auto* sequences : {&running_, &scoring_, &waiting_}) drop_cancelled(*sequences);
  admit();
  if (!scoring_.empty()) score();
  if (!running_.empty()) advance();
  return std::exchange(completed_, {});
}

std::vector<Generation> Engine::run(std::vector<Request> requests) {
  if (!idle())
    throw Error(ErrorCode::invalid_argument,
                "[engine] run() needs an idle engine: submit() and step() while others run");
  for (const Request& request : requests) check(request);
  const std::int64_t first = submitted_;
  std::vector<Generation> results(requests.size());
  for (Request& request : requests) submit(std::move(request));
  while (!idle())
    for (Completed& c : step())
      results[static_cast<std::size_t>(c.number - first)] = std::move(c.generation);
  return results;
}

std::vector<Engine::Completed> Engine::fail_all(const std::exception_ptr& error) {
  for (auto* sequences : {&running_, &scoring_, &waiting_}) {
    for (const auto& s : *sequences) {
      s->result.error = error;
      finish(*s, FinishReason::failed);
    }
    sequences->clear();
  }
  return std::exchange(completed_, {});
}

Engine::Load Engine::load() const {
  Load load = load_;
  load.waiting = std::ssize(waiting_) + std::ssize(scoring_);
  load.running = std::ssize(running_);
  load.pages = pass_.cache().pool().pages();
  load.free_pages = pass_.cache().pool().free_pages();
  return load;
}

void Engine::drop_cancelled(std::deque<std::unique_ptr<Sequence>>& sequences) {
  for (const auto& s : sequences)
    if (s->request.options.interrupt.requested()) finish(*s, FinishReason::cancelled);
  std::erase_if(sequences, [](const auto& s) { return s->finished; });
}

// The requests that have waited longest, as many as one pass may hold, without a cache: what is
// scored is known beforehand.
void Engine::score() {
  Batch batch;
  std::vector<std::int32_t> rows, targets;
  std::vector<const nn::Adapter*> adapters;
  std::size_t count = 0;
  const auto started = Clock::now();
  for (; count < scoring_.size(); ++count) {
    const Sequence& s = *scoring_[count];
    const std::vector<std::int32_t>& wanted = s.request.targets;
    const std::int64_t tokens = s.prompt() + std::ssize(wanted) - 1;
    if (count > 0 && batch.tokens() + tokens > options_.prompt_tokens) break;
    std::vector<std::int32_t> ids = s.request.prompt;
    ids.insert(ids.end(), wanted.begin(), wanted.end() - 1);
    const std::int64_t first = batch.tokens() + s.prompt() - 1;
    append(batch, ids);
    adapters.push_back(s.request.adapter.get());
    for (std::int64_t row = first; row < batch.tokens(); ++row)
      rows.push_back(static_cast<std::int32_t>(row));
    targets.insert(targets.end(), wanted.begin(), wanted.end());
  }
  const std::vector<double> losses = pass_.token_losses(std::move(batch), adapters, rows, targets);
  auto next = losses.begin();
  for (; count > 0; --count) {
    const std::unique_ptr<Sequence> s = std::move(scoring_.front());
    scoring_.pop_front();
    s->started = started;
    bool finite = true;
    for (std::size_t i = 0; i < s->request.targets.size(); ++i, ++next) {
      finite &= std::isfinite(*next);
      s->result.log_probabilities.push_back(-*next);
    }
    if (!finite) guarded(s->result.error, throw_not_finite);
    finish(*s, finite ? FinishReason::length : FinishReason::failed);
  }
}

void Engine::advance() {
  std::vector<std::int64_t> shares = shares_of_pass();
  make_room(shares);
  std::vector<CachedPass::Part> parts;
  std::vector<Sequence*> fed, choosing;
  rows_.clear();
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Sequence& s = *running_[i];
    if (shares[i] == 0) continue;
    const std::int64_t end = s.fed + shares[i];
    const std::int64_t rows = s.scores_prompt() ? shares[i] : end == s.length() ? 1 : 0;
    parts.push_back({s.slot,
                     std::span(s.ids).subspan(static_cast<std::size_t>(s.fed),
                                              static_cast<std::size_t>(shares[i])),
                     rows, s.request.adapter.get()});
    fed.push_back(&s);
    for (std::int64_t after = end - rows; after < end; ++after) rows_.push_back({&s, after});
    if (end == s.length()) choosing.push_back(&s);
  }
  pass_.run(parts, [this](const Tensor& logits) { read(logits); });
  for (std::size_t i = 0; i < fed.size(); ++i) fed[i]->fed += std::ssize(parts[i].ids);
  for (Sequence* s : choosing) accept(*s);
  std::erase_if(running_, [](const auto& s) { return s->finished; });
}

// What is read of a row depends on nothing of the others. Two workers may have rows of the same
// prompt, whose scores have places of their own.
void Engine::read(const Tensor& logits) {
  choose_rows(pass_.forward().stream(), logits, host_logits_,
              [this](std::size_t i, std::span<const float> row) {
                Sequence& s = *rows_[i].sequence;
                const auto next = static_cast<std::size_t>(rows_[i].after + 1);
                if (s.scores_prompt() && next < s.request.prompt.size())
                  s.result.prompt[next] =
                      score_token(row, s.request.prompt[next], s.request.options.top_tokens);
                if (rows_[i].after + 1 == s.length())
                  guarded(s.result.error, [&] { choose(s, row); });
              });
}

void Engine::choose(Sequence& s, std::span<const float> row) {
  if (s.request.options.max_tokens == 0) return;
  if (s.matcher) {
    s.allowed.resize((row.size() + 31) / 32);
    s.matcher->allowed(s.allowed);
  }
  const std::int32_t id =
      s.sampler.next({.logits = row, .ids = s.ids, .prompt = s.prompt(), .allowed = s.allowed});
  s.chosen = {{id}, {}};
  if (s.request.options.log_probabilities)
    s.chosen = score_token(row, id, s.request.options.top_tokens);
}

void Engine::accept(Sequence& s) {
  if (!s.answered) {
    const auto now = Clock::now();
    s.result.prefill_seconds = seconds_between(s.started, now);
    s.started = now;
    s.answered = true;
    cache_.remember(s.slot, s.request.prompt, true);
    guarded(s.result.error, [&] { check_finite(s.result.prompt); });
  }
  std::optional<FinishReason> reason;
  if (!s.result.error) guarded(s.result.error, [&] { reason = take_token(s); });
  if (s.result.error) reason = FinishReason::failed;
  if (reason) finish(s, *reason);
}

std::optional<FinishReason> Engine::take_token(Sequence& s) {
  const GenerateOptions& options = s.request.options;
  if (options.max_tokens == 0) return FinishReason::length;
  const std::int32_t id = s.chosen.id;
  if (s.matcher && !s.matcher->accept(id))
    throw Error(ErrorCode::internal,
                fmt::format("[generate] token {} was chosen and is not allowed", id));
  if (!options.ignore_end_of_text &&
      (std::ranges::count(end_tokens_, id) > 0 || std::ranges::count(options.end_tokens, id) > 0))
    return FinishReason::end_of_text;
  s.ids.push_back(id);
  s.result.ids.push_back(id);
  if (options.log_probabilities) {
    s.result.log_probabilities.push_back(s.chosen.log_probability);
    if (options.top_tokens > 0) s.result.top.push_back(s.chosen.top);
  }
  const bool wanted = !options.on_token || options.on_token(s.chosen);
  if (!s.text.push(id)) return s.text.stopped() ? FinishReason::stop : FinishReason::cancelled;
  if (!wanted) return FinishReason::cancelled;
  if (s.matcher && s.matcher->must_end()) return FinishReason::end_of_text;
  if (std::ssize(s.result.ids) == options.max_tokens) return FinishReason::length;
  if (s.length() > capacity(s.request.adapter.get())) return FinishReason::context;
  return std::nullopt;
}

void Engine::finish(Sequence& s, FinishReason reason) {
  if (reason != FinishReason::failed) guarded(s.result.error, [&] { s.text.finish(); });
  if (s.text.stopped()) reason = FinishReason::stop;
  s.result.finish = s.result.error ? FinishReason::failed : reason;
  s.result.text = s.text.take();
  if (s.started != Clock::time_point{}) {
    const double seconds = seconds_between(s.started, Clock::now());
    (s.answered ? s.result.decode_seconds : s.result.prefill_seconds) = seconds;
  }
  if (s.slot >= 0) {
    if (reason != FinishReason::failed)
      cache_.remember(s.slot, std::span(s.ids).first(static_cast<std::size_t>(s.fed)), false);
    cache_.close(s.slot);
  }
  s.finished = true;
  completed_.push_back({s.number, std::move(s.result)});
}

}  // namespace stemma::infer
