// Holds one sequence to a grammar: which tokens may come next, and one step for each that came.
//
//   Matcher matcher(masks);                               // mask_cache.h
//   std::vector<std::uint32_t> bits(masks->tokens().mask_words());
//   while (!matcher.has_ended()) {
//     matcher.allowed(bits);                              // bit id % 32 of word id / 32
//     const std::int32_t id = sample(logits, bits);
//     matcher.accept(id);
//   }
//
// A token is allowed exactly if the text so far and its bytes can still become an allowed text,
// bytes of half a character included. The tokens at the end are allowed exactly if the text is
// whole. At least one token is always allowed as long as the vocabulary has every byte that the
// grammar may need; a caller that meets an empty mask ends the answer with an error.
//
// A matcher is a small value (a state and a stack): copy it to try a draft, or for beams. One
// thread at a time; the masks are shared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/mask_cache.h"

namespace stemma::grammar {

class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const MaskCache> masks);

  // Writes a bit for every token; words beyond the vocabulary become 0. Throws invalid_argument
  // where `bits` has fewer words than TokenTable::mask_words(). After the end: nothing is allowed.
  void allowed(std::span<std::uint32_t> bits) const;
  // Takes a token; false, and nothing changes, where it is not allowed.
  bool accept(std::int32_t id);
  // Takes bytes, such as forced() ones or an answer that was begun; all or nothing.
  bool accept_text(std::string_view bytes);

  bool is_complete() const;                  // the text so far is allowed as it is
  bool must_end() const;                     // complete, and nothing can follow
  bool has_ended() const { return ended_; }  // an end token was taken

  // The bytes that must follow, as far as they are certain; often empty, because a blank may stand
  // behind every comma and colon. At most kMaxForced of them.
  static constexpr std::size_t kMaxForced = 256;
  std::string forced() const;

 private:
  // False where a byte is refused; state and stack are then useless.
  static bool advance(const Pushdown& automaton, std::string_view bytes, Pushdown::State& state,
                      std::vector<std::uint32_t>& stack);
  void allow_leaving(const TokenMask& mask, std::span<std::uint32_t> bits) const;

  std::shared_ptr<const MaskCache> masks_;
  Pushdown::State state_ = Pushdown::kStart;
  std::vector<std::uint32_t> stack_;  // sites
  bool ended_ = false;
};

}  // namespace stemma::grammar
