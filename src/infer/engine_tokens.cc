// What the logits of a pass mean for the sequences of the engine: which tokens they choose, and
// whether a text ends with these.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/engine_sequence.h"

namespace stemma::infer {
namespace {

using TokenClock = std::chrono::steady_clock;

double seconds_between(TokenClock::time_point from, TokenClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

void check_finite(const std::vector<ScoredToken>& prompt) {
  for (std::size_t i = 1; i < prompt.size(); ++i)
    if (!std::isfinite(prompt[i].log_probability)) throw_not_finite();
}

}  // namespace

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
                // The rows of its guesses lie behind this one.
                if (rows_[i].after + 1 + std::ssize(s.draft) == s.length())
                  guarded(s.result.error, [&] {
                    choose(s, {row.data(), row.size() * (1 + s.draft.size())}, row.size());
                  });
              });
}

// The token after the text and, as long as the guesses are what is chosen, the one after each of
// them. `logits`: a row for each.
void Engine::choose(Sequence& s, std::span<const float> logits, std::size_t vocab) {
  s.chosen.clear();
  if (s.request.options.max_tokens == 0) return;
  const std::size_t known = s.ids.size() - s.draft.size();
  std::optional<grammar::Matcher> matcher = s.matcher;
  for (std::size_t i = 0; i <= s.draft.size(); ++i) {
    const auto row = logits.subspan(i * vocab, vocab);
    if (matcher) {
      s.allowed.resize((vocab + 31) / 32);
      matcher->allowed(s.allowed);
    }
    const std::int32_t id = s.sampler.next({.logits = row,
                                            .ids = std::span(s.ids).first(known + i),
                                            .prompt = s.prompt(),
                                            .allowed = s.allowed});
    s.chosen.push_back({{id}, {}});
    if (s.request.options.log_probabilities)
      s.chosen.back() = score_token(row, id, s.request.options.top_tokens);
    if (i == s.draft.size() || s.draft[i] != id) return;
    if (matcher && (!matcher->accept(id) || matcher->must_end())) return;
  }
}

void Engine::accept(Sequence& s) {
  if (!s.answered) {
    const auto now = TokenClock::now();
    s.result.prefill_seconds = seconds_between(s.started, now);
    s.started = now;
    s.answered = true;
    cache_.remember(s.slot, s.request.prompt, true);
    guarded(s.result.error, [&] { check_finite(s.result.prompt); });
  }
  std::optional<FinishReason> reason;
  if (!s.result.error) guarded(s.result.error, [&] { reason = take_tokens(s); });
  if (s.result.error) reason = FinishReason::failed;
  if (reason) return finish(s, *reason);
  if (!s.draft.empty()) cache_.cut(s.slot, s.fed);
}

std::optional<FinishReason> Engine::take_tokens(Sequence& s) {
  if (s.request.options.max_tokens == 0) return FinishReason::length;
  const std::int64_t drafted = std::ssize(s.draft), right = std::ssize(s.chosen) - 1;
  s.result.drafted += drafted;
  s.result.accepted += right;
  load_.drafted += drafted;
  load_.accepted += right;
  // Twice as many after good guesses, one more than were right after others.
  if (drafted > 0)
    s.draft_length = std::min(right == drafted ? 2 * drafted : right + 1, options_.draft_tokens);
  for (std::int64_t i = 0; i <= right; ++i) {
    if (i > 0) ++s.fed;  // the guess before this token was right, and its keys stay
    if (const auto reason = take_token(s, s.chosen[static_cast<std::size_t>(i)])) return reason;
  }
  return std::nullopt;
}

std::optional<FinishReason> Engine::take_token(Sequence& s, const ScoredToken& token) {
  const GenerateOptions& options = s.request.options;
  const std::int32_t id = token.id;
  if (s.matcher && !s.matcher->accept(id))
    throw Error(ErrorCode::internal,
                fmt::format("[generate] token {} was chosen and is not allowed", id));
  if (!options.ignore_end_of_text &&
      (std::ranges::count(end_tokens_, id) > 0 || std::ranges::count(options.end_tokens, id) > 0)) {
    if (options.log_probabilities) s.result.end = token;
    return FinishReason::end_of_text;
  }
  s.ids.push_back(id);
  s.result.ids.push_back(id);
  if (options.log_probabilities) {
    s.result.log_probabilities.push_back(token.log_probability);
    if (options.top_tokens > 0) s.result.top.push_back(token.top);
  }
  const bool wanted = !options.on_token || options.on_token(token);
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
  if (s.started != TokenClock::time_point{}) {
    const double seconds = seconds_between(s.started, TokenClock::now());
    (s.answered ? s.result.decode_seconds : s.result.prefill_seconds) = seconds;
  }
  if (s.slot >= 0) {
    if (reason != FinishReason::failed)
      cache_.remember(s.slot, std::span(s.ids).first(static_cast<std::size_t>(s.fed)), false);
    cache_.close(s.slot);
    if (drafter_) drafter_->close(s.slot);
  }
  s.finished = true;
  completed_.push_back({s.number, std::move(s.result)});
}

}  // namespace stemma::infer
