// Which sequences take part in a pass of the engine, with how many tokens, and who gives way where
// the cache is full.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "infer/engine_sequence.h"

namespace stemma::infer {
namespace {

using Clock = std::chrono::steady_clock;

template <class Sequences>
void insert_by_number(Sequences& sequences, typename Sequences::value_type sequence) {
  const auto place = std::ranges::upper_bound(sequences, sequence->number, {},
                                              [](const auto& s) { return s->number; });
  sequences.insert(place, std::move(sequence));
}

std::vector<ScoredToken> scored_prompt(const std::vector<std::int32_t>& ids) {
  std::vector<ScoredToken> tokens(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) tokens[i].id = ids[i];
  return tokens;
}

}  // namespace

// First come, first served: who does not fit lets nobody pass. Only those who wait for pages that a
// running one computes are passed over until it has them.
void Engine::admit() {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    Sequence& s = **next;
    if (s.request.options.max_tokens == 0 && !s.request.options.prompt_scores) {
      finish(s, FinishReason::length);
      next = waiting_.erase(next);
      continue;
    }
    const SequenceCache::Beginning beginning = beginning_of(s);
    if (beginning.is_coming) {
      ++next;
      continue;
    }
    const auto place = cache_.open(s.ids, s.request.adapter, beginning);
    if (!place) return;
    s.slot = place->slot;
    if (s.started == Clock::time_point{}) {
      s.started = Clock::now();
      s.result.queue_seconds = std::chrono::duration<double>(s.started - s.submitted).count();
    }
    s.fed = place->known;
    if (s.scores_prompt()) s.result.prompt = scored_prompt(s.request.prompt);
    if (!s.answered) {
      s.result.known_tokens = place->known;
      load_.prompt_tokens += s.prompt();
      load_.known_tokens += place->known;
    }
    insert_by_number(running_, std::move(*next));
    next = waiting_.erase(next);
  }
}

// What running sequences have in common with this one: choices of one prompt, for example. Who
// begins like one whose prompt is being computed waits for it.
SequenceCache::Beginning Engine::beginning_of(const Sequence& s) {
  constexpr std::int64_t kWorthWaiting = 32;  // tokens
  SequenceCache::Beginning best;
  if (s.scores_prompt()) best.anew = true;
  if (!cache_.shares() || best.anew) return best;
  std::int64_t coming = 0;
  for (const auto& other : running_) {
    if (other->request.adapter != s.request.adapter) continue;
    const std::int64_t common = std::ranges::mismatch(s.ids, other->ids).in1 - s.ids.begin();
    const std::int64_t computed = std::min(common, other->fed);
    if (computed > best.tokens) best = {other->slot, computed};
    if (!other->answered) coming = std::max(coming, std::min(common, other->prompt()));
  }
  if (coming >= best.tokens + kWorthWaiting)
    best.is_coming = coming >= cache_.known(s.ids, s.request.adapter) + kWorthWaiting;
  return best;
}

// How many of its tokens each running sequence gets computed in the next pass. Those that write go
// first. Prompts share `room`: the one that came first may take half of it, so that a long one does
// not hold up those behind it, and what these leave.
std::vector<std::int64_t> Engine::shares_of_pass() const {
  const auto left = [](const Sequence& s) { return s.length() - s.fed; };
  const bool writing = std::ranges::any_of(running_, [](const auto& s) { return s->answered; });
  std::int64_t room = writing ? options_.prompt_tokens_beside : options_.prompt_tokens;
  std::vector<std::int64_t> shares(running_.size(), 0);
  std::optional<std::size_t> first;
  const auto give = [&](std::size_t i, std::int64_t most) {
    const std::int64_t more = std::min({left(*running_[i]) - shares[i], most, room});
    shares[i] += more;
    room -= more;
  };
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (running_[i]->answered && left(*running_[i]) == 1) {
      shares[i] = 1 + std::ssize(running_[i]->draft);
      continue;
    }
    give(i, first ? room : (room + 1) / 2);
    if (!first) first = i;
  }
  if (first) give(*first, room);
  return shares;
}

// Guesses for those that write. Rows beside others are not free once the pass is no longer bound by
// reading the weights: they share `kRows`, and where many write nobody guesses.
void Engine::propose() {
  constexpr std::int64_t kRows = 16;
  if (!drafter_) return;
  std::vector<Sequence*> writing;
  for (const auto& s : running_) {
    s->draft.clear();
    if (s->answered && s->length() - s->fed == 1) writing.push_back(s.get());
  }
  if (writing.empty()) return;
  const std::int64_t each = kRows / std::ssize(writing) - 1;
  std::vector<Drafter::Wanted> wanted;
  std::vector<Sequence*> of;
  for (Sequence* s : writing) {
    const std::int64_t most =
        std::min({each, s->draft_length, options_.draft_tokens,
                  s->request.options.max_tokens - std::ssize(s->result.ids) - 1,
                  capacity(s->request.adapter.get()) - s->length()});
    if (most <= 0) continue;
    wanted.push_back({s->slot, s->ids, s->prompt(), most, &s->sampler});
    of.push_back(s);
  }
  drafter_->propose(wanted);
  for (std::size_t i = 0; i < of.size(); ++i) of[i]->draft = std::move(wanted[i].draft);
}

// Puts the guesses behind the texts, or takes them away again.
void Engine::keep_drafts(bool in_text) {
  for (const auto& s : running_) {
    if (in_text)
      s->ids.insert(s->ids.end(), s->draft.begin(), s->draft.end());
    else
      s->ids.resize(s->ids.size() - s->draft.size());
  }
}

void Engine::preempt(Sequence& s) {
  if (drafter_) drafter_->close(s.slot);
  s.draft.clear();
  cache_.close(std::exchange(s.slot, -1));
  s.fed = 0;
  ++load_.preempted;
}

// Pages for what the next pass adds. Where they are short the sequence that came last gives its own
// back and waits again, before those that came later; the first one of all always goes on.
void Engine::make_room(std::vector<std::int64_t>& shares) {
  for (std::size_t i = 0; i < running_.size(); ++i)
    while (i < running_.size() && shares[i] > 0 &&
           !cache_.reserve(running_[i]->slot, running_[i]->fed + shares[i])) {
      if (!running_[i]->draft.empty()) {  // nobody gives way to a guess
        running_[i]->draft.clear();
        shares[i] = 1;
        continue;
      }
      preempt(*running_.back());
      insert_by_number(waiting_, std::move(running_.back()));
      running_.pop_back();
      shares.pop_back();
    }
}

}  // namespace stemma::infer
