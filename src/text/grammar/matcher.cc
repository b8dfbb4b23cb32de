#include "text/grammar/matcher.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::grammar {
namespace {

void set_bits(std::span<const std::int32_t> ids, std::span<std::uint32_t> bits) {
  for (const std::int32_t id : ids) bits[static_cast<std::size_t>(id) / 32] |= 1u << id % 32;
}

// The one byte that is not refused.
std::optional<std::uint8_t> only_byte(const Pushdown& automaton, Pushdown::State state) {
  std::optional<std::uint8_t> only;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (automaton.step(state, static_cast<std::uint8_t>(byte)).is_refused()) continue;
    if (only) return {};
    only = static_cast<std::uint8_t>(byte);
  }
  return only;
}

bool is_last(const Pushdown& automaton, Pushdown::State state) {
  for (std::size_t c = 0; c < automaton.classes(); ++c)
    if (!automaton.step_of_class(state, c).is_refused()) return false;
  return true;
}

}  // namespace

Matcher::Matcher(std::shared_ptr<const MaskCache> masks) : masks_(std::move(masks)) {}

bool Matcher::advance(const Pushdown& automaton, std::string_view bytes, Pushdown::State& state,
                      std::vector<std::uint32_t>& stack) {
  for (const char byte : bytes) {
    const Pushdown::Step step = automaton.step(state, static_cast<std::uint8_t>(byte));
    if (step.is_state()) {
      state = step.state();
    } else if (step.is_push()) {
      stack.push_back(step.site());
      state = automaton.start_of(step.site());
    } else if (step.is_pop()) {
      state = automaton.after_pop(stack.back(), step.result());
      stack.pop_back();
    } else {
      return false;
    }
  }
  return true;
}

void Matcher::allowed(std::span<std::uint32_t> bits) const {
  const TokenTable& tokens = masks_->tokens();
  const std::size_t words = tokens.mask_words();
  if (bits.size() < words)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[grammar] a mask must have {} words, got {}", words, bits.size()));
  std::fill(bits.begin() + static_cast<std::ptrdiff_t>(ended_ ? 0 : words), bits.end(), 0u);
  if (ended_) return;
  std::unique_ptr<TokenMask> spare;
  const TokenMask& mask = masks_->mask(state_, spare);
  if (!mask.bits.empty())
    std::ranges::copy(mask.bits, bits.begin());
  else if (mask.plain)
    std::ranges::copy(tokens.plain_bits(), bits.begin());
  else
    std::fill_n(bits.begin(), words, 0u);
  set_bits(mask.ids, bits);
  allow_leaving(mask, bits);
  if (is_complete()) set_bits(tokens.end_tokens(), bits);
}

// Tokens that close the value in which the state lies, and those too long for masks.
void Matcher::allow_leaving(const TokenMask& mask, std::span<std::uint32_t> bits) const {
  const TokenTrie& long_ones = masks_->tokens().long_ones();
  if (mask.leaving.empty() && long_ones.nodes() == 0) return;
  const Pushdown& automaton = masks_->grammar().automaton();
  TrieWalk walk(automaton);
  const auto allow = [&](std::span<const std::int32_t> ids) { set_bits(ids, bits); };
  const auto no_stack = [](std::uint32_t, std::uint32_t) {};
  for (const TokenMask::Leaving& leaving : mask.leaving) {
    const Pushdown::State outside = automaton.after_pop(stack_.back(), leaving.result);
    set_bits(leaving.trie->ids(leaving.node), bits);
    walk.run({leaving.trie, leaving.node + 1, leaving.trie->node(leaving.node).end}, outside,
             std::span(stack_).first(stack_.size() - 1), allow, no_stack);
  }
  walk.run({&long_ones, 0, long_ones.nodes()}, state_, stack_, allow, no_stack);
}

bool Matcher::accept(std::int32_t id) {
  if (ended_) return false;
  if (masks_->tokens().is_end(id)) {
    ended_ = is_complete();
    return ended_;
  }
  const std::string_view bytes = masks_->tokens().bytes(id);
  return !bytes.empty() && accept_text(bytes);
}

bool Matcher::accept_text(std::string_view bytes) {
  if (ended_) return false;
  Pushdown::State state = state_;
  std::vector<std::uint32_t> stack = stack_;
  if (!advance(masks_->grammar().automaton(), bytes, state, stack)) return false;
  state_ = state;
  stack_ = std::move(stack);
  return true;
}

bool Matcher::is_complete() const {
  return stack_.empty() && masks_->grammar().automaton().accepts(state_);
}

bool Matcher::must_end() const {
  return is_complete() && is_last(masks_->grammar().automaton(), state_);
}

std::string Matcher::forced() const {
  const Pushdown& automaton = masks_->grammar().automaton();
  std::string bytes;
  if (ended_) return bytes;
  Pushdown::State state = state_;
  std::vector<std::uint32_t> stack = stack_;
  while (bytes.size() < kMaxForced && !(stack.empty() && automaton.accepts(state))) {
    const auto byte = only_byte(automaton, state);
    if (!byte) break;
    bytes += static_cast<char>(*byte);
    advance(automaton, std::string_view(bytes).substr(bytes.size() - 1), state, stack);
  }
  return bytes;
}

}  // namespace stemma::grammar
