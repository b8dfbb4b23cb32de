#include "infer/bench.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/key_value_cache.h"

namespace stemma::infer {
namespace {

using Clock = std::chrono::steady_clock;

void check(const LoadedModel& model, const BenchSettings& s, std::int64_t new_tokens) {
  if (s.batch < 1 || s.context < 1 || s.steps < 1 || s.warmup < 0)
    throw Error(ErrorCode::invalid_argument, "[bench] batch, seq and steps must be at least 1");
  const std::int64_t room = model.config().context - new_tokens;
  if (s.context > room)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[bench] seq ({}) must be at most {}: the model's context is {}{}",
                            s.context, room, model.config().context,
                            new_tokens > 0 ? " and a new token needs a place" : ""));
}

// B sequences in a cache, all of the same length.
class Sequences {
 public:
  Sequences(const LoadedModel& model, const BenchSettings& s, std::int64_t capacity)
      : model_(model),
        ctx_(model.context()),
        cache_(model.config(), model.numerics(), s.batch, capacity),
        slots_(static_cast<std::size_t>(s.batch)) {
    std::iota(slots_.begin(), slots_.end(), std::int64_t{0});
  }

  // Feeds every sequence its `count` next ids; returns the likeliest next id of each.
  std::vector<std::int32_t> feed(const std::vector<std::int32_t>& ids, std::int64_t count) {
    const auto first = static_cast<std::int32_t>(cache_.length(0));
    batch_.ids = ids;
    batch_.positions.resize(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i)
      batch_.positions[i] = first + static_cast<std::int32_t>(static_cast<std::int64_t>(i) % count);
    batch_.offsets.assign(1, 0);
    for (std::size_t b = 0; b < slots_.size(); ++b)
      batch_.offsets.push_back(batch_.offsets.back() + count);
    cache_.prepare(batch_, slots_);
    const Tensor h = model_.model().forward({ctx_, batch_, cache_});
    cache_.advance();
    return likeliest(model_.model().head().logits(ctx_, last_rows(h)));
  }
  void truncate(std::int64_t length) {
    for (const std::int64_t slot : slots_) cache_.truncate(slot, length);
  }

 private:
  // The last row of each sequence.
  Tensor last_rows(const Tensor& h) const {
    const std::int64_t rows = batch_.sequences();
    if (rows == h.rows()) return h;
    Tensor last = Tensor::empty({rows, h.cols()}, h.dtype());
    const std::size_t bytes = static_cast<std::size_t>(h.cols()) * size_of(h.dtype());
    for (std::int64_t b = 0; b < rows; ++b) {
      const std::int64_t row = batch_.offsets[static_cast<std::size_t>(b) + 1] - 1;
      std::memcpy(last.slice_rows(b, b + 1).raw(), h.slice_rows(row, row + 1).raw(), bytes);
    }
    return last;
  }
  static std::vector<std::int32_t> likeliest(const Tensor& logits) {
    std::vector<std::int32_t> ids;
    for (std::int64_t b = 0; b < logits.rows(); ++b) {
      const float* row = logits.data<float>() + b * logits.row_stride();
      ids.push_back(static_cast<std::int32_t>(std::max_element(row, row + logits.cols()) - row));
    }
    return ids;
  }

  const LoadedModel& model_;
  ops::Context ctx_;
  KeyValueCache cache_;
  std::vector<std::int64_t> slots_;
  Batch batch_;
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
  batch.ids = ids;
  for (std::int64_t b = 0; b <= s.batch; ++b) batch.offsets.push_back(b * s.context);
  for (std::size_t i = 0; i < ids.size(); ++i)
    batch.positions.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(i) % s.context));
  nn::FullAttention attention(batch);
  ops::Context ctx = model.context();
  return timed(
      s, [] {},
      [&] {
        model.model().forward({ctx, batch, attention});
      });
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
