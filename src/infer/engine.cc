#include "infer/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/engine_sequence.h"
#include "infer/model_drafter.h"
#include "infer/ngram_drafter.h"
#include "nn/virtual_tokens.h"

namespace stemma::infer {
namespace {

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
  require(options.draft_tokens >= (options.draft_model ? 1 : 0), "draft_tokens",
          options.draft_tokens);
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

std::unique_ptr<Drafter> drafter_for(const EngineOptions& o, const LoadedModel* model) {
  if (o.draft_model && !model)
    throw Error(ErrorCode::unsupported, "[engine] a draft model needs an opened model beside it");
  if (o.draft_model)
    return std::make_unique<ModelDrafter>(*o.draft_model, *model, o.slots, o.capacity);
  return o.draft_tokens > 0 ? std::make_unique<NgramDrafter>() : nullptr;
}

std::vector<std::int32_t> end_token_of(const Tokenizer* tokenizer) {
  const auto end = tokenizer ? tokenizer->end_of_text() : std::nullopt;
  return end ? std::vector{*end} : std::vector<std::int32_t>();
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
      cache_(pass_, options_.share_prefixes),
      drafter_(drafter_for(options_, &model)) {}

Engine::Engine(const Model& model, const ops::Numerics& numerics, Stream& stream,
               const Tokenizer* tokenizer, const EngineOptions& options,
               const nn::Adapters* adapters)
    : tokenizer_(tokenizer),
      unused_ids_(ids_without_token(tokenizer_, model.config().vocab)),
      options_(
          completed_options(options, model.config().context - nn::most_virtual_tokens(adapters))),
      end_tokens_(options.end_tokens.value_or(end_token_of(tokenizer))),
      pass_(model, numerics, stream, cache_for(options_), adapters),
      cache_(pass_, options_.share_prefixes),
      drafter_(drafter_for(options_, nullptr)) {}

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
  const auto started = std::chrono::steady_clock::now();
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
  propose();
  std::vector<std::int64_t> shares = shares_of_pass();
  make_room(shares);
  keep_drafts(true);
  std::vector<CachedPass::Part> parts;
  std::vector<Sequence*> fed, choosing;
  rows_.clear();
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Sequence& s = *running_[i];
    if (shares[i] == 0) continue;
    const std::int64_t end = s.fed + shares[i];
    const std::int64_t rows = s.scores_prompt()   ? shares[i]
                              : end == s.length() ? 1 + std::ssize(s.draft)
                                                  : 0;
    parts.push_back({s.slot,
                     std::span(s.ids).subspan(static_cast<std::size_t>(s.fed),
                                              static_cast<std::size_t>(shares[i])),
                     rows, s.request.adapter.get()});
    fed.push_back(&s);
    for (std::int64_t after = end - rows; after < end; ++after) rows_.push_back({&s, after});
    if (end == s.length()) choosing.push_back(&s);
  }
  try {
    pass_.run(parts, [this](const Tensor& logits) { read(logits); });
  } catch (...) {
    keep_drafts(false);
    throw;
  }
  for (std::size_t i = 0; i < fed.size(); ++i)
    fed[i]->fed += std::ssize(parts[i].ids) - std::ssize(fed[i]->draft);
  keep_drafts(false);
  for (Sequence* s : choosing) accept(*s);
  std::erase_if(running_, [](const auto& s) { return s->finished; });
}

}  // namespace stemma::infer
