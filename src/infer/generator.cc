#include "infer/generator.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/key_value_cache.h"
#include "infer/stop_filter.h"
#include "text/stream_decoder.h"

namespace stemma::infer {
namespace {

using Clock = std::chrono::steady_clock;

void check(const LoadedModel& model, std::span<const std::int32_t> prompt,
           const GenerateOptions& options) {
  const ModelConfig& config = model.config();
  if (prompt.empty())
    throw Error(ErrorCode::invalid_argument, "[generate] the prompt has no tokens: give some text");
  if (static_cast<std::int64_t>(prompt.size()) > config.context)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format(
            "[generate] the prompt has {} tokens, the model's context holds {}: shorten the "
            "prompt",
            prompt.size(), config.context));
  for (const std::int32_t id : prompt)
    if (id < 0 || id >= config.vocab)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[generate] id {} is outside the vocabulary of {}", id, config.vocab));
  if (options.max_tokens < 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[generate] max_tokens must be 0 or more, got {}", options.max_tokens));
  options.sampling.validate();
  if (!options.stop.empty()) model.tokenizer();
}

// The text side: bytes to characters, held back where a stop string may begin.
class TextOut {
 public:
  TextOut(const Tokenizer* tokenizer, const GenerateOptions& options)
      : options_(options), filter_(options.stop) {
    if (tokenizer) characters_.emplace(*tokenizer);
  }

  // False when the text has ended: a stop string, or the listener wants no more.
  bool push(std::int32_t id) { return !characters_ || emit(filter_.push(characters_->push(id))); }
  void finish() {
    if (!characters_ || filter_.stopped()) return;
    emit(filter_.push(characters_->finish()));
    if (!filter_.stopped()) emit(filter_.flush());
  }
  bool stopped() const { return filter_.stopped(); }
  std::string take() { return std::move(text_); }

 private:
  bool emit(const std::string& piece) {
    text_ += piece;
    const bool wanted = piece.empty() || !options_.on_text || options_.on_text(piece);
    return wanted && !filter_.stopped();
  }

  const GenerateOptions& options_;
  std::optional<StreamDecoder> characters_;  // none without a tokenizer
  StopFilter filter_;
  std::string text_;
};

// One sequence in a cache of its own.
class Session {
 public:
  Session(const LoadedModel& model, std::int64_t capacity)
      : model_(model),
        ctx_(model.context()),
        cache_(model.config(), model.numerics(), 1, capacity) {}

  // Feeds ids and returns the logits after the last one.
  std::span<const float> feed(std::span<const std::int32_t> ids) {
    const std::int64_t first = cache_.length(0);
    batch_.ids.assign(ids.begin(), ids.end());
    batch_.positions.resize(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i)
      batch_.positions[i] = static_cast<std::int32_t>(first + static_cast<std::int64_t>(i));
    batch_.offsets = {0, batch_.tokens()};
    const std::int64_t slot = 0;
    cache_.prepare(batch_, {&slot, 1});
    const Tensor h = model_.model().forward({ctx_, batch_, cache_});
    cache_.advance();
    logits_ = model_.model().head().logits(ctx_, h.slice_rows(h.rows() - 1, h.rows()));
    return {logits_.data<float>(), static_cast<std::size_t>(logits_.elements())};
  }

 private:
  const LoadedModel& model_;
  ops::Context ctx_;
  KeyValueCache cache_;
  Batch batch_;
  Tensor logits_;
};

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::length:
      return "length";
    case FinishReason::stop:
      return "stop";
    case FinishReason::end_of_text:
      return "eot";
    case FinishReason::context:
      return "context";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::vector<std::int32_t> prompt_ids(const LoadedModel& model, std::string_view text) {
  model.require_next_token("generate");
  std::vector<std::int32_t> ids;
  model.tokenizer().encode(text, ids);
  if (!ids.empty()) return ids;
  const auto end = model.end_of_text();
  if (!end)
    throw Error(
        ErrorCode::invalid_argument,
        "[generate] the prompt is empty and the model has no end-of-text token to begin with: give "
        "some text");
  return {*end};
}

Generation generate(const LoadedModel& model, std::span<const std::int32_t> prompt,
                    const GenerateOptions& options) {
  model.require_next_token("generate");
  check(model, prompt, options);
  const std::int64_t context = model.config().context;
  const auto length = static_cast<std::int64_t>(prompt.size());
  Session session(model, std::min(context, length + std::min(options.max_tokens, context)));
  TokenSampler sampler(options.sampling);
  TextOut text(model.find_tokenizer(), options);
  std::vector<std::int32_t> ids(prompt.begin(), prompt.end());
  std::vector<std::int32_t> ends;
  if (!options.ignore_end_of_text) {
    ends = options.end_tokens;
    if (const auto end = model.end_of_text()) ends.push_back(*end);
  }

  Generation result;
  auto started = Clock::now();
  std::span<const float> logits;
  if (options.max_tokens > 0) logits = session.feed(prompt);
  result.prefill_seconds = std::chrono::duration<double>(Clock::now() - started).count();
  started = Clock::now();
  while (static_cast<std::int64_t>(result.ids.size()) < options.max_tokens) {
    const std::int32_t id = sampler.next(logits, ids);
    if (std::ranges::find(ends, id) != ends.end()) {
      result.finish = FinishReason::end_of_text;
      break;
    }
    ids.push_back(id);
    result.ids.push_back(id);
    if (!text.push(id)) {
      result.finish = text.stopped() ? FinishReason::stop : FinishReason::cancelled;
      break;
    }
    if (static_cast<std::int64_t>(result.ids.size()) == options.max_tokens) break;
    if (static_cast<std::int64_t>(ids.size()) > context) {
      result.finish = FinishReason::context;
      break;
    }
    if (options.interrupt.requested()) {
      result.finish = FinishReason::cancelled;
      break;
    }
    logits = session.feed({&id, 1});
  }
  text.finish();
  if (text.stopped()) result.finish = FinishReason::stop;
  result.decode_seconds = std::chrono::duration<double>(Clock::now() - started).count();
  result.text = text.take();
  return result;
}

}  // namespace stemma::infer
