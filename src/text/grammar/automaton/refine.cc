#include "text/grammar/automaton/refine.h"

#include <algorithm>
#include <map>
#include <utility>

namespace stemma::grammar {
namespace {

using States = std::vector<Pushdown::State>;

class Refinement {
 public:
  Refinement(const Pushdown& automaton, std::vector<std::uint32_t> first)
      : automaton_(automaton), class_of_(std::move(first)), into_(automaton.states()) {
    for (const std::uint32_t c : class_of_) {
      if (c >= sizes_.size()) sizes_.resize(c + std::size_t{1});
      ++sizes_[c];
    }
    for (Pushdown::State s = 0; s < automaton.states(); ++s)
      for (std::size_t c = 0; c < automaton.classes(); ++c)
        for_each_successor(automaton.step_of_class(s, c), [&](Pushdown::State next) {
          if (into_[next].empty() || into_[next].back() != s) into_[next].push_back(s);
        });
  }

  std::vector<std::uint32_t> run(std::size_t rounds) {
    States changed(automaton_.states());
    for (Pushdown::State s = 0; s < changed.size(); ++s) changed[s] = s;
    for (std::size_t round = 0; round < rounds && !changed.empty(); ++round) {
      States touched;
      if (round == 0)
        touched = changed;
      else
        for (const Pushdown::State s : changed)
          touched.insert(touched.end(), into_[s].begin(), into_[s].end());
      std::ranges::sort(touched);
      touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
      changed = split(touched);
    }
    return std::move(class_of_);
  }

 private:
  template <class Function>
  void for_each_successor(Pushdown::Step step, Function function) const {
    if (step.is_state()) function(step.state());
    if (!step.is_push()) return;
    const Pushdown::Site& site = automaton_.parts().sites[step.site()];
    function(site.start);
    for (std::uint32_t i = 0; i < site.returns; ++i) function(automaton_.after_pop(step.site(), i));
  }

  // What a state does, in terms of the classes so far.
  void signature(Pushdown::State state, std::vector<std::uint32_t>& out) const {
    out.assign(1, class_of_[state]);
    for (std::size_t c = 0; c < automaton_.classes(); ++c) {
      const Pushdown::Step step = automaton_.step_of_class(state, c);
      out.push_back(step.is_pop()     ? 4 * step.result() + 3
                    : step.is_push()  ? 2
                    : step.is_state() ? 1
                                      : 0);
      if (step.is_push()) out.push_back(automaton_.parts().sites[step.site()].returns);
      for_each_successor(step, [&](Pushdown::State next) { out.push_back(class_of_[next]); });
    }
  }

  // Gives new numbers to those of `touched` that differ from the rest of their class; returns them.
  // A state that was not touched does what it did, so it is like none of the touched, whose
  // successors have numbers that did not exist before.
  States split(const States& touched) {
    std::map<std::vector<std::uint32_t>, States> groups;
    std::map<std::uint32_t, std::size_t> touched_of;
    std::vector<std::uint32_t> sign;
    for (const Pushdown::State s : touched) {
      signature(s, sign);
      groups[sign].push_back(s);
      ++touched_of[class_of_[s]];
    }
    // Where a whole class was touched, its largest group keeps the number.
    std::map<std::uint32_t, const States*> keeps;
    for (const auto& [signs, members] : groups) {
      const std::uint32_t old = signs.front();
      if (touched_of[old] != sizes_[old]) continue;
      const States*& best = keeps[old];
      if (best == nullptr || best->size() < members.size()) best = &members;
    }
    States changed;
    for (const auto& [signs, members] : groups) {
      const std::uint32_t old = signs.front();
      if (const auto at = keeps.find(old); at != keeps.end() && at->second == &members) continue;
      const auto fresh = static_cast<std::uint32_t>(sizes_.size());
      sizes_.push_back(members.size());
      sizes_[old] -= members.size();
      for (const Pushdown::State s : members) class_of_[s] = fresh;
      changed.insert(changed.end(), members.begin(), members.end());
    }
    return changed;
  }

  const Pushdown& automaton_;
  std::vector<std::uint32_t> class_of_;
  std::vector<std::size_t> sizes_;  // of classes
  std::vector<States> into_;        // predecessors
};

}  // namespace

std::vector<std::uint32_t> refine(const Pushdown& automaton, std::vector<std::uint32_t> first,
                                  std::size_t rounds) {
  return Refinement(automaton, std::move(first)).run(rounds);
}

}  // namespace stemma::grammar
