#include "text/grammar/mask_cache.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace stemma::grammar {
namespace {

struct ByteSpan {
  std::uint8_t low, high;
};

// Characters of UTF-8 (Unicode 15, table 3-7) without control characters, quote and backslash.
const std::vector<std::vector<ByteSpan>>& plain_characters() {
  static const std::vector<std::vector<ByteSpan>> kCharacters = {
      {{0x20, 0x21}},
      {{0x23, 0x5B}},
      {{0x5D, 0x7F}},
      {{0xC2, 0xDF}, {0x80, 0xBF}},
      {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}},
      {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}},
      {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}};
  return kCharacters;
}

using StateSet = std::set<Pushdown::State>;

// Adds the states behind a plain character; false where one is refused, or opens or closes.
bool step_plain(const Pushdown& automaton, Pushdown::State state, StateSet& out) {
  for (const auto& character : plain_characters()) {
    StateSet now = {state};
    for (const ByteSpan span : character) {
      StateSet next;
      for (const Pushdown::State s : now)
        for (unsigned byte = span.low; byte <= span.high; ++byte) {
          const Pushdown::Step step = automaton.step(s, static_cast<std::uint8_t>(byte));
          if (!step.is_state()) return false;
          next.insert(step.state());
        }
      now = std::move(next);
    }
    out.insert(now.begin(), now.end());
  }
  return true;
}

}  // namespace

MaskCache::MaskCache(SharedGrammar grammar, std::shared_ptr<const TokenTable> tokens,
                     std::size_t limit_bytes)
    : grammar_(std::move(grammar)),
      tokens_(std::move(tokens)),
      limit_bytes_(limit_bytes),
      masks_(grammar_->mask_classes()) {}

MaskCache::~MaskCache() {
  for (const auto& mask : masks_) delete mask.load();
}

const TokenMask& MaskCache::mask(Pushdown::State state, std::unique_ptr<TokenMask>& spare) const {
  std::atomic<const TokenMask*>& place = masks_[grammar_->mask_class(state)];
  if (const TokenMask* known = place.load(std::memory_order_acquire)) return *known;
  spare = std::make_unique<TokenMask>(make(state));
  const std::size_t size = spare->bytes();
  if (bytes_.fetch_add(size, std::memory_order_relaxed) + size > limit_bytes_) {
    bytes_.fetch_sub(size, std::memory_order_relaxed);
    return *spare;
  }
  const TokenMask* expected = nullptr;
  if (!place.compare_exchange_strong(expected, spare.get(), std::memory_order_acq_rel)) {
    bytes_.fetch_sub(size, std::memory_order_relaxed);
    return *expected;
  }
  return *spare.release();
}

// Whether as many plain characters as a plain token has may follow, whichever they are.
bool MaskCache::takes_plain_text(Pushdown::State state) const {
  constexpr std::size_t kMostStates = 64;
  StateSet now = {state}, seen;
  for (std::size_t i = 0; i < TokenTable::kPlainCharacters; ++i) {
    StateSet next;
    for (const Pushdown::State s : now) {
      if (!seen.insert(s).second) continue;
      if (seen.size() > kMostStates || !step_plain(grammar_->automaton(), s, next)) return false;
    }
    now = std::move(next);
  }
  return true;
}

TokenMask MaskCache::make(Pushdown::State state) const {
  TokenMask mask;
  mask.plain = takes_plain_text(state);
  TrieWalk walk(grammar_->automaton());
  for (const TokenTrie* trie : {&tokens_->plain(), &tokens_->others()}) {
    if (mask.plain && trie == &tokens_->plain()) continue;
    walk.run(
        {trie, 0, trie->nodes()}, state, {},
        [&](std::span<const std::int32_t> ids) {
          mask.ids.insert(mask.ids.end(), ids.begin(), ids.end());
        },
        [&](std::uint32_t node, std::uint32_t result) {
          mask.leaving.push_back({trie, node, result});
        });
  }
  // To set a bit takes about as long as to copy eight words.
  if (mask.ids.size() > tokens_->mask_words() / 8) {
    const auto plain = tokens_->plain_bits();
    mask.bits.resize(tokens_->mask_words());
    if (mask.plain) std::ranges::copy(plain, mask.bits.begin());
    for (const std::int32_t id : mask.ids)
      mask.bits[static_cast<std::size_t>(id) / 32] |= 1u << id % 32;
    mask.ids = {};
  }
  mask.ids.shrink_to_fit();
  mask.leaving.shrink_to_fit();
  return mask;
}

}  // namespace stemma::grammar
