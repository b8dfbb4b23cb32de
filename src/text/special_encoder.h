// Text in which the special tokens that the caller names are special; every other one stays
// ordinary text. The ids are those of tiktoken's encode(text, allowed_special=names,
// disallowed_special=()), as long as no special name begins another one: which of the two tiktoken
// takes hangs on the order of a hash map.
//
//   const std::vector<std::string> allowed = {"<|endoftext|>"};
//   const SpecialEncoder encoder(*tokenizer, allowed);
//   encoder.encode("a<|endoftext|>b", ids);        // the id of <|endoftext|> between two others
//
// Never for text of a user: with a name allowed, whoever writes the text writes the token.
//
// Of the places where a name begins the leftmost counts, of several names there the longest; what
// lies between names is encoded apart. Time is at most the text times the length of the longest
// name; more names cost no more than a binary search among them. Immutable: any thread. Keeps a
// reference to the tokenizer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/threads.h"
#include "text/tokenizer.h"

namespace stemma {

class SpecialEncoder {
 public:
  // Throws invalid_argument for a name that is no special token of the tokenizer ("did you mean"),
  // unsupported for one with a flag (Tokenizer::flag_of_special()).
  SpecialEncoder(const Tokenizer& tokenizer, std::span<const std::string> allowed);

  // Appends the ids of `text`.
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const;
  // The same, with what lies between names on all workers (encode_batch.h).
  void encode(std::string_view text, Workers& workers, std::vector<std::int32_t>& ids) const;

  // The first allowed token at `from` or behind it.
  struct Found {
    std::size_t begin = 0, end = 0;  // in the text
    std::int32_t id = 0;
  };
  std::optional<Found> find(std::string_view text, std::size_t from = 0) const;

 private:
  // The longest name at this place.
  std::optional<Found> name_at(std::string_view text, std::size_t place) const;
  template <class Encode>
  void encode_between(std::string_view text, std::vector<std::int32_t>& ids, Encode encode) const;

  const Tokenizer& tokenizer_;
  std::vector<std::pair<std::string, std::int32_t>> names_;  // sorted
  std::array<bool, 256> begins_name_{};
};

// The names of all special tokens, for callers that allow them all.
std::vector<std::string> special_names(const Tokenizer& tokenizer);

}  // namespace stemma
