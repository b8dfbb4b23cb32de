#include "text/grammar/automaton/determinize.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <unordered_set>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/limits.h"

namespace stemma::grammar {
namespace {

using NfaStates = std::vector<Nfa::State>;  // ascending
using Rules = std::vector<std::uint32_t>;   // ascending

// Which states can still come to the end of their rule, or of the text.
class LiveStates {
 public:
  explicit LiveStates(const Nfa& nfa) : live_(nfa.states()), waiting_(nfa.rules().size()) {
    std::vector<std::vector<std::pair<Nfa::State, std::int64_t>>> into(nfa.states());
    std::vector<std::vector<std::uint32_t>> started(nfa.states());  // rules that start in a state
    for (std::uint32_t r = 0; r < nfa.rules().size(); ++r) started[nfa.rule(r).start].push_back(r);
    for (Nfa::State s = 0; s < nfa.states(); ++s)
      for (const Nfa::Edge& edge : nfa.edges(s))
        into[edge.to].emplace_back(
            s, edge.kind == Nfa::EdgeKind::call ? std::int64_t{edge.rule} : std::int64_t{-1});
    mark(Nfa::kAccept);
    for (const Nfa::Rule& rule : nfa.rules()) mark(rule.final);
    while (!pending_.empty()) {
      const Nfa::State state = pending_.back();
      pending_.pop_back();
      for (const std::uint32_t rule : started[state]) {
        for (const Nfa::State caller : waiting_[rule]) mark(caller);
        waiting_[rule].clear();
      }
      for (const auto& [from, rule] : into[state]) {
        if (rule < 0 || live_[nfa.rule(static_cast<std::uint32_t>(rule)).start])
          mark(from);
        else
          waiting_[static_cast<std::size_t>(rule)].push_back(from);
      }
    }
  }
  bool operator[](Nfa::State state) const { return live_[state]; }

 private:
  void mark(Nfa::State state) {
    if (live_[state]) return;
    live_[state] = true;
    pending_.push_back(state);
  }

  std::vector<bool> live_;
  NfaStates pending_;
  std::vector<NfaStates> waiting_;  // callers of a rule that is not known to be live
};

// Bytes that no edge tells apart, as intervals in ascending order.
struct ByteIntervals {
  explicit ByteIntervals(const Nfa& nfa) {
    std::array<bool, 257> cut{};
    const auto cut_around = [&](std::uint8_t low, std::uint8_t high) {
      cut[low] = true;
      cut[high + 1u] = true;
    };
    for (Nfa::State s = 0; s < nfa.states(); ++s)
      for (const Nfa::Edge& edge : nfa.edges(s))
        if (edge.kind == Nfa::EdgeKind::bytes) cut_around(edge.low, edge.high);
    for (const Nfa::Rule& rule : nfa.rules()) {
      cut_around(rule.open, rule.open);
      cut_around(rule.close, rule.close);
    }
    std::uint8_t number = 0;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      if (byte > 0 && cut[byte]) ++number;
      of[byte] = number;
    }
    count = number + std::size_t{1};
  }
  std::array<std::uint8_t, 256> of{};
  std::size_t count = 0;
};

class Determinizer {
 public:
  explicit Determinizer(const Nfa& nfa)
      : nfa_(nfa),
        live_(nfa),
        classes_(nfa),
        closes_(nfa.states(), 0),
        seen_(nfa.states(), 0),
        buckets_(classes_.count),
        known_(64, SetHash{this}, SetEqual{this}) {
    for (std::uint32_t r = 0; r < nfa.rules().size(); ++r) closes_[nfa.rule(r).final] = r + 1;
  }

  Pushdown run() {
    if (!live_[Nfa::kStart])
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[{}] some finite text must be allowed, none is: it asks for what "
                              "cannot be, or for a value that contains itself",
                              nfa_.place()));
    sets_.push_back({});  // the state that refuses everything
    steps_.resize(classes_.count);
    accepts_.push_back(0);
    frames_.emplace_back();
    seeds_ = {Nfa::kStart};
    state_of(0, true);
    for (Pushdown::State state = 1; state < sets_.size(); ++state) expand(state);
    return finish();
  }

 private:
  // A state of the result: a set of states inside one frame.
  struct Set {
    std::uint32_t frame = 0;
    std::size_t begin = 0, size = 0;  // in pool_
  };
  // What a push opens: the rules that the value may follow. Frame 0 is the text itself.
  struct Frame {
    Rules rules;
    Pushdown::State start = 0;
    std::vector<Rules> results;  // which of them may be whole at a pop
    std::vector<std::uint32_t> sites;
  };
  struct Call {
    std::uint32_t rule;
    Nfa::State to;
  };
  struct OpenSite {
    Pushdown::State state = 0;
    std::uint32_t frame = 0;
    std::vector<Call> calls;
    std::vector<Pushdown::State> returns;
  };
  struct SetHash {
    const Determinizer* owner;
    std::size_t operator()(Pushdown::State state) const {
      std::uint64_t hash = owner->sets_[state].frame * 0x9E3779B97F4A7C15ull + 1;
      for (const Nfa::State s : owner->states_of(state))
        hash = (hash ^ s) * 0xD6E8FEB86659FD93ull, hash ^= hash >> 32;
      return hash;
    }
  };
  struct SetEqual {
    const Determinizer* owner;
    bool operator()(Pushdown::State a, Pushdown::State b) const {
      return owner->sets_[a].frame == owner->sets_[b].frame &&
             std::ranges::equal(owner->states_of(a), owner->states_of(b));
    }
  };

  std::span<const Nfa::State> states_of(Pushdown::State state) const {
    return {pool_.data() + sets_[state].begin, sets_[state].size};
  }

  void count_steps(std::size_t steps) {
    steps_taken_ += steps;
    if (steps_taken_ > kMaxSteps) too_large();
  }
  [[noreturn]] void too_large() const {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[{}] it must compile to at most {} states, needs more: make "
                            "repetitions, lengths or alternatives smaller",
                            nfa_.place(), kMaxStates));
  }

  bool matters(Nfa::State state) const {
    if (closes_[state] != 0 || state == Nfa::kAccept) return true;
    return std::ranges::any_of(nfa_.edges(state), [](const Nfa::Edge& edge) {
      return edge.kind != Nfa::EdgeKind::nothing && edge.kind != Nfa::EdgeKind::begin;
    });
  }

  // What can be reached from seeds_ without a byte; of it what matters, ascending, into closure_.
  // Returns whether the text may end there.
  void close(bool at_begin, bool at_end) {
    ++epoch_;
    closure_.clear();
    for (std::size_t i = 0; i < seeds_.size(); ++i) {  // grows
      const Nfa::State state = seeds_[i];
      if (seen_[state] == epoch_ || !live_[state]) continue;
      seen_[state] = epoch_;
      if (matters(state)) closure_.push_back(state);
      count_steps(1 + nfa_.edges(state).size());
      for (const Nfa::Edge& edge : nfa_.edges(state))
        if (edge.kind == Nfa::EdgeKind::nothing ||
            (at_begin && edge.kind == Nfa::EdgeKind::begin) ||
            (at_end && edge.kind == Nfa::EdgeKind::end))
          seeds_.push_back(edge.to);
    }
  }

  // The state of `frame` that stands for the closure of seeds_; kRefused where that is empty.
  Pushdown::State state_of(std::uint32_t frame, bool at_begin = false) {
    const NfaStates seeds = seeds_;
    close(at_begin, false);
    if (closure_.empty()) return Pushdown::kRefused;
    std::ranges::sort(closure_);
    const auto number = static_cast<Pushdown::State>(sets_.size());
    sets_.push_back({frame, pool_.size(), closure_.size()});
    pool_.insert(pool_.end(), closure_.begin(), closure_.end());
    if (const auto [at, added] = known_.insert(number); !added) {
      pool_.resize(sets_.back().begin);
      sets_.pop_back();
      return *at;
    }
    if (number == kMaxStates) too_large();
    seeds_ = seeds;
    close(at_begin, true);
    accepts_.push_back(frame == 0 && seen_[Nfa::kAccept] == epoch_ ? 1 : 0);
    steps_.resize(sets_.size() * classes_.count);
    return number;
  }

  Pushdown::Step& step_at(Pushdown::State state, std::size_t byte_class) {
    return steps_[state * classes_.count + byte_class];
  }

  void expand(Pushdown::State state) {
    const auto span = states_of(state);
    const NfaStates states(span.begin(), span.end());
    const std::uint32_t frame = sets_[state].frame;
    std::map<std::uint8_t, std::vector<Call>> calls;
    std::map<std::uint8_t, Rules> whole;
    for (auto& bucket : buckets_) bucket.clear();
    for (const Nfa::State s : states) {
      if (closes_[s] != 0) whole[nfa_.rule(closes_[s] - 1).close].push_back(closes_[s] - 1);
      for (const Nfa::Edge& edge : nfa_.edges(s)) {
        if (!live_[edge.to]) continue;
        if (edge.kind == Nfa::EdgeKind::call && live_[nfa_.rule(edge.rule).start])
          calls[nfa_.rule(edge.rule).open].push_back({edge.rule, edge.to});
        if (edge.kind != Nfa::EdgeKind::bytes) continue;
        count_steps(classes_.of[edge.high] - classes_.of[edge.low] + std::size_t{1});
        for (std::size_t c = classes_.of[edge.low]; c <= classes_.of[edge.high]; ++c)
          buckets_[c].push_back(edge.to);
      }
    }
    for (std::size_t c = 0; c < buckets_.size(); ++c) {
      if (buckets_[c].empty()) continue;
      if (c > 0 && buckets_[c] == buckets_[c - 1]) {
        step_at(state, c) = step_at(state, c - 1);
        continue;
      }
      seeds_ = buckets_[c];
      const Pushdown::State next = state_of(frame);
      step_at(state, c) = Pushdown::Step::to_state(next);
    }
    for (auto& [open, list] : calls) set_step(state, open, add_site(state, list));
    for (auto& [close, rules] : whole) set_step(state, close, add_pop(frame, rules));
  }

  void set_step(Pushdown::State state, std::uint8_t byte, Pushdown::Step step) {
    Pushdown::Step& place = step_at(state, classes_.of[byte]);
    if (!place.is_refused())
      throw Error(ErrorCode::internal, fmt::format("[{}] the byte {} is a bracket and text at once",
                                                   nfa_.place(), byte));
    place = step;
  }

  Pushdown::Step add_site(Pushdown::State state, std::vector<Call>& calls) {
    std::ranges::sort(calls, {}, &Call::rule);
    Rules rules;
    for (const Call& call : calls)
      if (rules.empty() || rules.back() != call.rule) rules.push_back(call.rule);
    const std::uint32_t frame = frame_of(rules);
    const auto number = static_cast<std::uint32_t>(sites_.size());
    sites_.push_back({state, frame, std::move(calls), {}});
    frames_[frame].sites.push_back(number);
    for (std::size_t i = 0; i < frames_[frame].results.size(); ++i) add_return(number, i);
    return Pushdown::Step::push(number);
  }

  std::uint32_t frame_of(const Rules& rules) {
    const auto [at, added] =
        frame_numbers_.try_emplace(rules, static_cast<std::uint32_t>(frames_.size()));
    if (added) {
      frames_.push_back({rules, 0, {}, {}});
      seeds_.clear();
      for (const std::uint32_t rule : rules) seeds_.push_back(nfa_.rule(rule).start);
      const Pushdown::State start = state_of(at->second);
      frames_[at->second].start = start;
    }
    return at->second;
  }

  Pushdown::Step add_pop(std::uint32_t frame, Rules& rules) {
    std::ranges::sort(rules);
    auto& results = frames_[frame].results;
    const auto at = std::ranges::find(results, rules);
    const auto number = static_cast<std::size_t>(at - results.begin());
    if (at == results.end()) {
      results.push_back(rules);
      const std::vector<std::uint32_t> sites = frames_[frame].sites;
      for (const std::uint32_t site : sites) add_return(site, number);
    }
    return Pushdown::Step::pop(static_cast<std::uint32_t>(number));
  }

  // Where the text goes on behind a value that was begun at `site`.
  void add_return(std::uint32_t site, std::size_t result) {
    const Rules& whole = frames_[sites_[site].frame].results[result];
    seeds_.clear();
    for (const Call& call : sites_[site].calls)
      if (std::ranges::binary_search(whole, call.rule)) seeds_.push_back(call.to);
    const Pushdown::State next = state_of(sets_[sites_[site].state].frame);
    sites_[site].returns.push_back(next);
  }

  Pushdown finish() {
    Pushdown::Parts parts;
    parts.class_of = classes_.of;
    parts.classes = classes_.count;
    parts.steps = std::move(steps_);
    parts.accepts = std::move(accepts_);
    for (const OpenSite& site : sites_) {
      parts.sites.push_back({frames_[site.frame].start,
                             static_cast<std::uint32_t>(parts.returns.size()),
                             static_cast<std::uint32_t>(site.returns.size())});
      parts.returns.insert(parts.returns.end(), site.returns.begin(), site.returns.end());
    }
    return Pushdown(std::move(parts));
  }

  const Nfa& nfa_;
  const LiveStates live_;
  const ByteIntervals classes_;
  std::vector<std::uint32_t> closes_;  // rule + 1 whose final state it is
  std::vector<std::uint32_t> seen_;    // epoch of the last closure that met a state
  std::uint32_t epoch_ = 0;
  NfaStates seeds_, closure_;
  std::vector<NfaStates> buckets_;  // targets by class of bytes
  std::size_t steps_taken_ = 0;

  std::vector<Set> sets_;
  NfaStates pool_;
  std::unordered_set<Pushdown::State, SetHash, SetEqual> known_;
  std::vector<Pushdown::Step> steps_;
  std::vector<std::uint8_t> accepts_;
  std::vector<Frame> frames_;
  std::map<Rules, std::uint32_t> frame_numbers_;
  std::vector<OpenSite> sites_;
};

}  // namespace

Pushdown determinize(const Nfa& nfa) { return Determinizer(nfa).run(); }

bool accepts_any(const Nfa& nfa) { return LiveStates(nfa)[Nfa::kStart]; }

}  // namespace stemma::grammar
