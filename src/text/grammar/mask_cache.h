// Which tokens a grammar allows, state by state, made at first use and kept: shared by all requests
// with the same grammar and tokenizer.
//
//   const auto masks = std::make_shared<MaskCache>(json_grammar(), tokens);
//   Matcher matcher(masks);                              // one for each sequence
//
// As in XGrammar (Dong et al. 2024, section 3.1), a mask holds what the state alone decides. Tokens
// that close the value in which the state lies ("},{") depend on the stack; a mask holds their
// places in the trie, and the matcher looks at these few with its stack.
//
// Any thread: a mask is published by one atomic exchange; two threads that miss the same one both
// make it. Masks take at most `limit_bytes`; beyond that they are made anew each time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "text/grammar/grammar.h"
#include "text/grammar/token_table.h"
#include "text/grammar/trie_walk.h"

namespace stemma::grammar {

// The tokens of up to kMaxMaskedBytes bytes.
struct TokenMask {
  bool plain = false;               // all plain tokens, and
  std::vector<std::uint32_t> bits;  // these: bits of all tokens (with the plain ones), or where
  std::vector<std::int32_t> ids;    // they are few a list
  struct Leaving {                  // below this node: by the stack
    const TokenTrie* trie;
    std::uint32_t node, result;
  };
  std::vector<Leaving> leaving;

  std::size_t bytes() const {
    return sizeof *this + bits.size() * 4 + ids.size() * 4 + leaving.size() * sizeof(Leaving);
  }
};

class MaskCache {
 public:
  static constexpr std::size_t kLimitBytes = std::size_t{64} << 20;

  MaskCache(SharedGrammar grammar, std::shared_ptr<const TokenTable> tokens,
            std::size_t limit_bytes = kLimitBytes);
  ~MaskCache();
  MaskCache(const MaskCache&) = delete;
  MaskCache& operator=(const MaskCache&) = delete;

  const Grammar& grammar() const { return *grammar_; }
  const TokenTable& tokens() const { return *tokens_; }

  // The mask of a state; `spare` holds it where it is not kept.
  const TokenMask& mask(Pushdown::State state, std::unique_ptr<TokenMask>& spare) const;
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  TokenMask make(Pushdown::State state) const;
  bool takes_plain_text(Pushdown::State state) const;

  const SharedGrammar grammar_;
  const std::shared_ptr<const TokenTable> tokens_;
  const std::size_t limit_bytes_;
  mutable std::vector<std::atomic<const TokenMask*>> masks_;  // by mask class
  mutable std::atomic<std::size_t> bytes_{0};
};

}  // namespace stemma::grammar
