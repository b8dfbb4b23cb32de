#include "infer/bench.h"

#include <chrono>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/cached_pass.h"
#include "infer/token_sampler.h"

namespace stemma::infer {
namespace {

using Clock = std::chrono::steady_clock;

void check(const LoadedModel& model, const BenchSettings& s, std::int64_t new_tokens) {
  if (s.batch < 1 || s.context < 1 || s.steps < 1 || s.warmup < 0)
    throw Error(ErrorCode::invalid_argument, "[bench] batch, seq and steps must be at least 1");
  const std::int64_t room = model.most_tokens() - new_tokens;
  if (s.context > room)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[bench] seq ({}) must be at most {}: the model's context is {}{}",
                            s.context, room, model.most_tokens(),
                            new_tokens > 0 ? " and a new token needs a place" : ""));
}

// B sequences in a cache, all of the same length, through the passes and the sampler of the engine.
class Sequences {
 public:
  Sequences(const LoadedModel& model, const BenchSettings& s, std::int64_t capacity)
      : stream_(model.stream()),
        pass_(model, {.slots = s.batch, .capacity = capacity}),
        samplers_(static_cast<std::size_t>(s.batch), TokenSampler({})) {}

  // Feeds every sequence its `count` next ids; returns the likeliest next id of each.
  std::vector<std::int32_t> feed(std::span<const std::int32_t> ids, std::int64_t count) {
    const auto n = static_cast<std::size_t>(count);
    std::vector<CachedPass::Part> parts;
    for (std::size_t b = 0; b < samplers_.size(); ++b)
      parts.push_back({static_cast<std::int64_t>(b), ids.subspan(b * n, n)});
    std::vector<std::int32_t> next(samplers_.size());
    pass_.run(parts, [&](const Tensor& logits) {
      choose_rows(stream_, logits, host_logits_, [&](std::size_t b, std::span<const float> row) {
        next[b] = samplers_[b].next({.logits = row, .ids = {}});
      });
    });
    return next;
  }
  void truncate(std::int64_t length) {
    for (std::int64_t slot = 0; slot < pass_.slots(); ++slot) pass_.truncate(slot, length);
  }

 private:
  Stream& stream_;
  CachedPass pass_;
  std::vector<TokenSampler> samplers_;
  std::vector<float> host_logits_;
};

std::vector<std::int32_t> random_ids(const LoadedModel& model, std::int64_t count) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  std::uint64_t state = 1;
  for (std::int32_t& id : ids) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
    id =
        static_cast<std::int32_t>((state >> 33) % static_cast<std::uint64_t>(model.config().vocab));
  }
  return ids;
}

// Times `step` after the warm-up; `reset` runs before each and is not timed.
template <class Reset, class Step>
std::vector<double> timed(const BenchSettings& s, Reset reset, Step step) {
  std::vector<double> seconds;
  for (std::int64_t i = 0; i < s.warmup + s.steps && !s.interrupt.requested(); ++i) {
    reset();
    const auto start = Clock::now();
    step();
    const double taken = std::chrono::duration<double>(Clock::now() - start).count();
    if (i >= s.warmup) seconds.push_back(taken);
  }
  return seconds;
}

// An encoder has no cache: it computes the states of all sequences anew each time.
std::vector<double> bench_encoder(const LoadedModel& model, const BenchSettings& s,
                                  const std::vector<std::int32_t>& ids) {
  Batch batch;
  std::vector<std::int32_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  for (std::size_t b = 0; b < ids.size(); b += static_cast<std::size_t>(s.context))
    append(batch, std::span(ids).subspan(b, static_cast<std::size_t>(s.context)));
  Forward forward(model);
  return timed(
      s, [] {}, [&] { forward.states(batch, rows, [](const Tensor&) {}); });
}

}  // namespace

std::vector<double> bench_prefill(const LoadedModel& model, const BenchSettings& settings) {
  check(model, settings, 0);
  const auto ids = random_ids(model, settings.batch * settings.context);
  if (!model.config().causal) return bench_encoder(model, settings, ids);
  Sequences sequences(model, settings, settings.context);
  return timed(
      settings, [&] { sequences.truncate(0); }, [&] { sequences.feed(ids, settings.context); });
}

std::vector<double> bench_decode(const LoadedModel& model, const BenchSettings& settings) {
  model.require_next_token("bench");
  check(model, settings, 1);
  Sequences sequences(model, settings, settings.context + 1);
  auto ids = sequences.feed(random_ids(model, settings.batch * settings.context), settings.context);
  return timed(
      settings, [&] { sequences.truncate(settings.context); },
      [&] { ids = sequences.feed(ids, 1); });
}

}  // namespace stemma::infer
