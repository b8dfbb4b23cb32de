// A deterministic pushdown automaton over bytes: what may come next in a text, in a few
// instructions a byte. Without a stack (no site) it is an ordinary deterministic finite automaton.
//
//   Pushdown::State state = Pushdown::kStart;
//   const Pushdown::Step step = automaton.step(state, '{');
//   if (step.is_push()) { stack.push_back(step.site()); state = automaton.start_of(step.site()); }
//   if (step.is_pop()) { state = automaton.after_pop(stack.back(), step.result()); pop it }
//   if (step.is_state()) state = step.state();         // otherwise the byte is refused
//
// JSON opens and closes its objects and arrays by bytes that are nothing else outside of strings.
// So it is a visibly pushdown language (Alur and Madhusudan 2004), and automata for such languages
// can be made deterministic: all alternatives push and pop at the same bytes, one stack serves them
// all. A push leaves a *site* on the stack: where the value began, from which a pop finds its way
// by its *result*: which of the alternatives inside are now whole.
//
// Every state that can be reached can still become a whole text: a byte that is not refused leads
// to at least one. Immutable after it was made (determinize.h); any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace stemma::grammar {

class Pushdown {
 public:
  using State = std::uint32_t;
  static constexpr State kRefused = 0, kStart = 1;

  // What a byte does in a state.
  class Step {
   public:
    static Step to_state(State state) { return Step(state); }
    static Step push(std::uint32_t site) { return Step(site | kPush); }
    static Step pop(std::uint32_t result) { return Step(result | kPop); }

    bool is_refused() const { return value_ == 0; }
    bool is_state() const { return value_ != 0 && value_ < kPop; }
    bool is_push() const { return (value_ & kPush) != 0; }
    bool is_pop() const { return (value_ & kPop) != 0; }
    State state() const { return value_; }
    std::uint32_t site() const { return value_ & ~kPush; }
    std::uint32_t result() const { return value_ & ~kPop; }

    Step() = default;
    bool operator==(const Step&) const = default;

   private:
    explicit Step(std::uint32_t value) : value_(value) {}
    static constexpr std::uint32_t kPush = 1u << 31, kPop = 1u << 30;
    std::uint32_t value_ = 0;
  };
  // Where a value may begin: the state inside, and where the states after it begin in `returns`.
  struct Site {
    State start = kRefused;
    std::uint32_t first_return = 0, returns = 0;
  };
  // The parts, made by determinize.h.
  struct Parts {
    std::array<std::uint8_t, 256> class_of{};  // bytes that no state tells apart share a class
    std::size_t classes = 1;
    std::vector<Step> steps;            // [states, classes]; row 0 refuses everything
    std::vector<std::uint8_t> accepts;  // [states]
    std::vector<Site> sites;
    std::vector<State> returns;
  };

  Pushdown() : Pushdown(Parts{{}, 1, std::vector<Step>(2), {0, 0}, {}, {}}) {}
  explicit Pushdown(Parts parts) : parts_(std::move(parts)) {}

  Step step(State state, std::uint8_t byte) const {
    return step_of_class(state, parts_.class_of[byte]);
  }
  Step step_of_class(State state, std::size_t byte_class) const {
    return parts_.steps[state * parts_.classes + byte_class];
  }
  State start_of(std::uint32_t site) const { return parts_.sites[site].start; }
  State after_pop(std::uint32_t site, std::uint32_t result) const {
    return parts_.returns[parts_.sites[site].first_return + result];
  }
  // Whether the text may end here; only ever with an empty stack.
  bool accepts(State state) const { return parts_.accepts[state] != 0; }

  std::size_t states() const { return parts_.accepts.size(); }
  std::size_t classes() const { return parts_.classes; }
  bool has_stack() const { return !parts_.sites.empty(); }
  const Parts& parts() const { return parts_; }

 private:
  Parts parts_;
};

}  // namespace stemma::grammar
